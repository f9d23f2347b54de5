//! Small pieces that every section uses.

use super::facts::State;
use bellwether_monitor::Verdict;
use maud::{Markup, html};

/// The verdict's own shape, as on the page.
pub(super) fn mark(state: State) -> Markup {
    html! {
        svg class="mark" viewBox="0 0 12 12" aria-hidden="true" { (shape(state)) }
    }
}

/// The shape alone, in a box of 12.
pub(super) fn shape(state: State) -> Markup {
    let path = match state {
        State::Task(Verdict::Unknown) => return html! { circle class="open" cx="6" cy="6" r="4.4" {} },
        State::Task(Verdict::Healthy) | State::NotShared => {
            return html! { circle cx="6" cy="6" r="4.4" {} };
        }
        State::Task(Verdict::Watch) => "M6 .9 11.6 11H.4Z",
        State::Task(Verdict::Retrain) => "M3.6.8h4.8l2.8 2.8v4.8l-2.8 2.8H3.6L.8 8.4V3.6Z",
        State::Task(Verdict::ContinualUpdate) => "M6 .3 11.7 6 6 11.7.3 6Z",
        State::Task(Verdict::NewTask) => "M4.2.8h3.6v3.4h3.4v3.6H7.8v3.4H4.2V7.8H.8V4.2h3.4Z",
        State::Shared => "M1 2h10v2.2H1zm0 5.8h10V10H1z",
    };
    html! { path d=(path) {} }
}

/// Shape and word of a state.
pub(super) fn badge(state: State) -> Markup {
    html! {
        span class="badge" data-verdict=(state.name()) { (mark(state)) span { (state.words()) } }
    }
}

/// A name that may be broken after its marks, where it is too long for its place.
pub(super) fn name(text: &str) -> Markup {
    html! {
        @for part in text.split_inclusive(['_', '-', '/', '.', ':']) { (part) wbr; }
    }
}

/// A number with what it is called and a remark.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) note: String,
}

impl Fact {
    pub(super) fn new(name: &'static str, value: impl Into<String>, note: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
            note: note.into(),
        }
    }
}

/// Numbers side by side.
pub(super) fn stats(facts: &[Fact]) -> Markup {
    html! {
        dl class="stats" {
            @for fact in facts {
                div {
                    dt { (fact.name) }
                    dd { span { (fact.value) } @if !fact.note.is_empty() { " " small { (fact.note) } } }
                }
            }
        }
    }
}

/// A column of a table: its heading, and whether it holds numbers.
pub(super) type Column = (&'static str, bool);

/// A plain table. The first cell of a row is its heading.
pub(super) fn table(title: &str, columns: &[Column], rows: &[Vec<String>]) -> Markup {
    let class = |at: usize| columns.get(at).filter(|(_, number)| *number).map(|_| "num");
    html! {
        table aria-label=(title) {
            thead { tr {
                @for (at, (heading, _)) in columns.iter().enumerate() { th scope="col" class=[class(at)] { (heading) } }
            } }
            tbody {
                @for row in rows {
                    tr {
                        @for (at, cell) in row.iter().enumerate() {
                            @if at == 0 { th scope="row" { (name(cell)) } } @else { td class=[class(at)] { (cell) } }
                        }
                    }
                }
            }
        }
    }
}

/// A part of the report with its heading and a sentence on what it shows.
pub(super) fn section(id: &str, title: &str, lead: &str, content: &Markup) -> Markup {
    html! {
        section id=(id) {
            header { h2 { (title) } @if !lead.is_empty() { p { (lead) } } }
            (content)
        }
    }
}

//! What people read in a channel: Slack's blocks and Teams' adaptive cards.

use super::{Context, cut, emoji, facts, headline, link, runbook, title};
use crate::policy::{Item, Notice, Occasion};
use serde_json::{Value, json};

/// Incidents that are shown in one message; the rest is counted. Slack takes fifty blocks.
const MOST_SHOWN: usize = 15;

/// A message of Slack: a fallback text, and blocks.
pub(super) fn slack(context: Context<'_>, notice: &Notice) -> Value {
    const HEADER: usize = 150;
    const SECTION: usize = 3000;
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": cut(&heading(notice), HEADER), "emoji": true},
    })];
    for item in notice.items.iter().take(MOST_SHOWN) {
        let mut text = format!(
            "{} *{}*\n{}",
            emoji(item),
            mrkdwn(&title(item)),
            mrkdwn(&item.incident.said.summary)
        );
        let links = links(context, item);
        let links: Vec<String> = links
            .iter()
            .map(|(name, url)| format!("<{url}|{name}>"))
            .collect();
        if !links.is_empty() {
            text = format!("{}\n{}", cut(&text, SECTION - 700), links.join(" · "));
        }
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(&text, SECTION)}}));
        let facts = facts(context.config, item);
        let facts: Vec<String> = facts
            .iter()
            .map(|(name, value)| format!("{name}: {}", mrkdwn(value)))
            .collect();
        blocks.push(json!({
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": cut(&facts.join(" · "), SECTION)}],
        }));
    }
    if let Some(more) = more(notice) {
        blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": more}]}));
    }
    json!({"text": heading(notice), "blocks": blocks})
}

/// What would be markup or call people in Slack, as text.
fn mrkdwn(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A message of Teams with one adaptive card.
pub(super) fn teams(context: Context<'_>, notice: &Notice) -> Value {
    let mut body = vec![json!({
        "type": "TextBlock", "text": heading(notice), "weight": "Bolder", "size": "Large", "wrap": true,
    })];
    let mut actions = Vec::new();
    for item in notice.items.iter().take(MOST_SHOWN) {
        let colour = match (item.firing, item.incident.severity()) {
            (false, _) => "Good",
            (true, crate::Severity::Critical) => "Attention",
            (true, crate::Severity::Warning) => "Warning",
            (true, crate::Severity::Info) => "Accent",
        };
        let facts = facts(context.config, item).into_iter();
        let facts: Vec<Value> = facts
            .map(|(title, value)| json!({"title": title, "value": markdown(&value)}))
            .collect();
        body.push(json!({
            "type": "TextBlock", "text": markdown(&title(item)), "weight": "Bolder", "color": colour, "wrap": true,
            "spacing": "Medium",
        }));
        body.push(json!({"type": "TextBlock", "text": markdown(&cut(&item.incident.said.summary, 1000)), "wrap": true}));
        body.push(json!({"type": "FactSet", "facts": facts}));
        // A card has room for some buttons, and those of the first incident are wanted most.
        if actions.is_empty() {
            let links = links(context, item).into_iter();
            actions.extend(
                links.map(|(title, url)| json!({"type": "Action.OpenUrl", "title": title, "url": url})),
            );
        }
    }
    if let Some(more) = more(notice) {
        body.push(json!({"type": "TextBlock", "text": more, "wrap": true}));
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.2",
                "body": body,
                "actions": actions,
                "msteams": {"width": "full"},
            },
        }],
    })
}

/// What would be markup in Teams, as text.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if "\\`*_[]#<>".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

fn heading(notice: &Notice) -> String {
    match notice.occasion {
        Occasion::News => headline(notice),
        Occasion::Repeat => format!("Still: {}", headline(notice)),
        Occasion::Test => format!("Test: {}", headline(notice)),
    }
}

fn links(context: Context<'_>, item: &Item) -> Vec<(&'static str, String)> {
    let page = link(context.config, &item.incident).map(|url| ("Page", url));
    let runbook = runbook(context.config, &item.incident).map(|url| ("Runbook", url));
    page.into_iter().chain(runbook).collect()
}

fn more(notice: &Notice) -> Option<String> {
    let more = notice
        .items
        .len()
        .checked_sub(MOST_SHOWN)
        .filter(|more| *more > 0)?;
    Some(format!("and {more} more"))
}

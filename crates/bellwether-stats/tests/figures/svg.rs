//! A small drawing: shapes with class names, whose colours follow light and dark.

use std::fmt::Write;

/// The same colours as in the other pictures of the documents.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#374151}.small{font-size:11px;fill:#6b7280}.head{font-weight:600}\
.ground{fill:#ffffff}.frame{fill:none;stroke:#9ca3af}.goal{stroke:#c2410c;stroke-dasharray:5 4;stroke-width:1.5}\
.change{stroke:#9ca3af;stroke-dasharray:2 3}.now{fill:none;stroke:#2563eb;stroke-width:2}.quiet{fill:none;stroke:#9ca3af;stroke-width:1.5}\
.old{fill:#9ca3af;fill-opacity:.55}.new{fill:#2563eb;fill-opacity:.75}.far{fill:#7c3aed}.arrow{stroke:#c2410c;stroke-width:2.5}\
.tip{fill:#c2410c}@media(prefers-color-scheme:dark){text{fill:#d1d5db}.small{fill:#9ca3af}.ground{fill:#111827}\
.frame,.change,.quiet{stroke:#6b7280}.goal,.arrow{stroke:#fb923c}.tip{fill:#fb923c}.now{stroke:#60a5fa}.new{fill:#60a5fa}\
.old{fill:#6b7280}.far{fill:#a78bfa}}";

/// A drawing of so many pixels.
pub(crate) struct Drawing {
    text: String,
}

impl Drawing {
    /// `title` is what a screen reader says of the picture.
    pub(crate) fn new(width: u32, height: u32, title: &str) -> Self {
        Self {
            text: format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
                 role=\"img\"><title>{title}</title><style>{STYLE}</style>\n<rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n"
            ),
        }
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        let _infallible = writeln!(self.text, "{element}");
    }

    pub(crate) fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: &str, words: &str) {
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
        ));
    }

    pub(crate) fn frame(&mut self, (x, y): (f64, f64), width: f64, height: f64) {
        self.push(format_args!(
            "<rect class=\"frame\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        ));
    }

    pub(crate) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    pub(crate) fn curve(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut path = String::new();
        for (x, y) in points {
            let _infallible = write!(path, "{x:.1},{y:.1} ");
        }
        let path = path.trim_end();
        self.push(format_args!("<polyline class=\"{class}\" points=\"{path}\"/>"));
    }

    pub(crate) fn dot(&mut self, class: &str, (x, y): (f64, f64)) {
        self.push(format_args!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"/>"
        ));
    }

    pub(crate) fn diamond(&mut self, class: &str, (x, y): (f64, f64)) {
        let (left, right, up, down) = (x - 4.5, x + 4.5, y - 4.5, y + 4.5);
        self.push(format_args!(
            "<path class=\"{class}\" d=\"M{x:.1} {up:.1}L{right:.1} {y:.1}L{x:.1} {down:.1}L{left:.1} {y:.1}Z\"/>"
        ));
    }

    /// An arrow whose tip is at its end.
    pub(crate) fn arrow(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy).max(1e-9);
        let (ux, uy) = (dx / length, dy / length);
        let back = (to.0 - 9.0 * ux, to.1 - 9.0 * uy);
        self.line("arrow", from, back);
        let (lx, ly, rx, ry) = (
            back.0 - 4.5 * uy,
            back.1 + 4.5 * ux,
            back.0 + 4.5 * uy,
            back.1 - 4.5 * ux,
        );
        let (x, y) = to;
        self.push(format_args!(
            "<path class=\"tip\" d=\"M{x:.1} {y:.1}L{lx:.1} {ly:.1}L{rx:.1} {ry:.1}Z\"/>"
        ));
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

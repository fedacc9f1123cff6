use std::fmt::Write as _;

/// One line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    name: String,
    ours: String,
    peer: String,
    ratio: String,
    goal: String,
    met: Option<bool>,
}

/// What a ratio has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// At least this.
    Least(f64),
    /// At most this.
    Most(f64),
}

impl Row {
    /// A figure of ours, with nothing to compare it to.
    pub(crate) fn new(name: impl Into<String>, ours: impl Into<String>) -> Self {
        let none = || "–".to_owned();
        Self {
            name: name.into(),
            ours: ours.into(),
            peer: none(),
            ratio: none(),
            goal: none(),
            met: None,
        }
    }

    /// Beside a peer's figure.
    pub(crate) fn peer(mut self, peer: impl Into<String>) -> Self {
        self.peer = peer.into();
        self
    }

    /// With the ratio of the two.
    pub(crate) fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = format!("{ratio:.2}");
        self
    }

    /// With a ratio that has a goal.
    pub(crate) fn judged(mut self, ratio: f64, goal: Goal) -> Self {
        let (text, met) = match goal {
            Goal::Least(least) => (format!("≥ {least}"), ratio >= least),
            Goal::Most(most) => (format!("≤ {most}"), ratio <= most),
        };
        (self.goal, self.met) = (text, Some(met));
        self.ratio(ratio)
    }

    /// With a goal that is no ratio.
    pub(crate) fn goal(mut self, goal: &str, met: bool) -> Self {
        (self.goal, self.met) = (goal.to_owned(), Some(met));
        self
    }
}

/// The rows as a Markdown table.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text =
        "| name | ours | peer | ratio | goal | met? |\n|---|---|---|---|---|---|\n".to_owned();
    for row in rows {
        let met = match row.met {
            None => "–",
            Some(true) => "yes",
            Some(false) => "**no**",
        };
        let Row {
            name,
            ours,
            peer,
            ratio,
            goal,
            ..
        } = row;
        let _ = writeln!(
            text,
            "| {name} | {ours} | {peer} | {ratio} | {goal} | {met} |"
        );
    }
    text
}

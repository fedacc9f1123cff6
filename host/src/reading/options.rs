//! What a realm's settings say of plugins, and whether it can be so: at its place in `realm.json`.

use super::Interruption;
use super::derive::{Failure, Run, misconfigured};
use crate::plugins::{Diagnostic, Position, Severity, Stage, UnknownPlugin};
use crate::realm::{RealmSettings, SETTINGS_FILE, place_in_json};

impl Run<'_> {
    /// What is wrong with a stage's options. None: they fit.
    pub(super) async fn unfit(&self, stage: &Stage) -> Result<Option<Failure>, Interruption> {
        let Some(schema) = &stage.plugin.options_schema else {
            return Ok(None);
        };
        let problems = schema.problems(&stage.options);
        if problems.is_empty() || mutant!("options-not-checked") {
            return Ok(None);
        }
        let label = stage.plugin.label();
        let mut diagnostics = Vec::with_capacity(problems.len());
        for problem in problems {
            let takes = &stage.rule.takes;
            diagnostics.push(Diagnostic {
                severity: Severity::Error,
                message: problem.said_of(takes, &label),
                code: Some("options".to_owned()),
                path: Some(SETTINGS_FILE.to_owned()),
                start: self
                    .in_settings(&problem.pointer_of(takes), problem.key)
                    .await?,
                end: None,
                help: Some(problem.help),
                plugin: None,
            });
        }
        Ok(Some(Failure {
            diagnostics,
            plugin: Some(label),
        }))
    }

    /// What is wrong with the settings that this file has, in force or not. None: nothing, as far as these plugins say.
    pub(super) async fn mistake(&self) -> Result<Option<Failure>, Interruption> {
        let Some(text) = self.reader.bytes(self.realm, self.file.blob).await? else {
            return Err(Interruption::Change);
        };
        let error = match RealmSettings::parse(&text) {
            Ok(settings) => self.plugins.misfit(&settings, &text),
            Err(error) => Some(error),
        };
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(error.map(|error| {
            let mut failure = misconfigured(&error.message);
            for diagnostic in &mut failure.diagnostics {
                diagnostic.start = (error.line > 0).then(|| Position {
                    line: number(error.line),
                    column: number(error.column),
                });
                diagnostic.help =
                    Some("until it is mended, the last good settings are in force".to_owned());
            }
            failure
        }))
    }

    /// The settings choose a plugin that is not there.
    pub(super) async fn unknown(&self, unknown: &UnknownPlugin) -> Result<Failure, Interruption> {
        let mut failure = misconfigured(&unknown.to_string());
        let pointer = ["plugins", &unknown.extension, "use"].map(str::to_owned);
        let start = self.in_settings(&pointer, false).await?;
        for diagnostic in &mut failure.diagnostics {
            diagnostic.start = start;
            let there: Vec<_> = unknown
                .takers
                .iter()
                .map(|one| format!("`{one}`"))
                .collect();
            diagnostic.help = Some(format!(
                "those that take it are {}; `name@version` may be cut off at a dot",
                there.join(", ")
            ));
        }
        Ok(failure)
    }

    /// Where something stands in the settings in force.
    async fn in_settings(
        &self,
        pointer: &[String],
        key: bool,
    ) -> Result<Option<Position>, Interruption> {
        let Some(hash) = self.resolved.resolution.settings_hash else {
            return Ok(None);
        };
        let text = self.reader.bytes(self.realm, hash).await?;
        let place = text.and_then(|text| place_in_json(&text, pointer, key));
        Ok(place.map(|(line, column)| Position { line, column }))
    }
}

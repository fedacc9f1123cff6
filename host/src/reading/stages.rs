//! A file's way through its pipeline: stage after stage, until it is something that a browser reads or nobody takes it.

use std::sync::Arc;

use super::derive::{Artifact, Failure, Input, Made, Run, failure};
use super::trail::Trail;
use super::{Interruption, Prepared};
use crate::plugins::{Asset, Outcome, Output, Stage};
use crate::realm::BlobHash;

/// A pipeline on its way.
struct Way {
    trail: Trail,
    /// The stages so far: the plugin, and by which rule it took the file.
    steps: Vec<Stage>,
    /// What all stages gave beside their contents.
    assets: Vec<Asset>,
}

impl Run<'_> {
    /// What the file's pipeline makes of it.
    pub(super) async fn stages(&mut self) -> Result<Made, Interruption> {
        let settings = Arc::clone(&self.resolved.resolution.settings);
        let mut input = Input {
            hash: self.file.blob,
            bytes: None,
        };
        let mut treated_as = self.file.path.name().to_owned();
        let mut way = Way {
            trail: Trail::new(&self.file.path, self.reader.0.limits.map_segments),
            steps: Vec::new(),
            assets: Vec::new(),
        };
        let mut last: Option<(Arc<Outcome>, Stage)> = None;
        loop {
            let choice = match self.plugins.takers(&treated_as, &settings) {
                Ok(choice) => choice,
                Err(unknown) => {
                    let failure = self.unknown(&unknown).await?;
                    return Ok(Made::Failed(way.trail.failed(failure)));
                }
            };
            let mut taken = None;
            for stage in choice.0 {
                if let Some(endless) = self.endless(&way, &stage) {
                    return Ok(Made::Failed(endless));
                }
                if let Some(unfit) = self.unfit(&stage).await? {
                    return Ok(Made::Failed(way.trail.failed(unfit)));
                }
                let outcome = self.stage(&stage, &input).await?;
                if !matches!(*outcome, Outcome::Declined) {
                    taken = Some((stage, outcome));
                    break;
                }
            }
            let Some((stage, outcome)) = taken else { break };
            match &*outcome {
                Outcome::Output(output) => {
                    let next = output.contents.clone();
                    let hash = BlobHash::of(&next);
                    way.trail.step(&stage, output, hash == input.hash).await;
                    for asset in &output.assets {
                        way.assets.retain(|known| known.suffix != asset.suffix);
                        way.assets.push(asset.clone());
                    }
                    input = Input {
                        hash,
                        bytes: Some(next),
                    };
                }
                Outcome::Invalid(diagnostics) => {
                    let diagnostics = way.trail.led_back(&stage, diagnostics).await;
                    let plugin = Some(stage.plugin.label());
                    return Ok(Made::Failed(way.trail.failed(Failure {
                        diagnostics,
                        plugin,
                    })));
                }
                Outcome::Unreadable { specifier, reason } => {
                    let mut failure = failure(
                        &format!("`{specifier}` cannot be read: {reason}"),
                        "unreadable",
                        self.file.path.as_str(),
                    );
                    failure.plugin = Some(stage.plugin.label());
                    return Ok(Made::Failed(way.trail.failed(failure)));
                }
                Outcome::Declined | Outcome::Rendition(_) | Outcome::Definitions(_) => {
                    unreachable!("declined is sorted out above, and a transpiler was asked")
                }
            }
            let next = stage.goes_on_as().map(str::to_owned);
            way.steps.push(stage.clone());
            last = Some((outcome, stage));
            match next {
                Some(next) => treated_as = next,
                None => break,
            }
        }
        let Some((outcome, stage)) = last else {
            return Ok(Made::AsIs);
        };
        let Outcome::Output(output) = &*outcome else {
            unreachable!("what is not an output has ended it")
        };
        Ok(Made::Output(self.artifact(&stage, output, way)))
    }

    /// Whether a pipeline would go on for ever with this stage, or for too long. Which plugins there are is checked when
    /// they are arranged; a host that brings plugins of its own along, or one that is taken away, may still make it so.
    fn endless(&self, way: &Way, stage: &Stage) -> Option<Failure> {
        let again = way.steps.iter().any(|step| {
            step.plugin.digest == stage.plugin.digest && step.rule.takes == stage.rule.takes
        });
        let again = again && !mutant!("pipeline-goes-round");
        let most = self.reader.0.limits.stages;
        if !again && way.steps.len() < most {
            return None;
        }
        let steps = way.steps.iter().chain(std::iter::once(stage));
        let steps = steps.map(|step| {
            let (name, rule) = (&step.plugin.name, &step.rule);
            format!("`{name}` makes `{}` of `{}`", rule.gives, rule.takes)
        });
        let steps: Vec<_> = steps.collect();
        let what = if again {
            "goes round for ever".to_owned()
        } else {
            format!("has more than {most} stages")
        };
        let path = self.file.path.as_str();
        let message = format!("the pipeline of `{path}` {what}: {}", steps.join(", "));
        let mut failure = failure(&message, "pipeline", path);
        let mut help = "choose another plugin for one of these extensions in `realm.json`, or have the operator pick or disable one".to_owned();
        if !again {
            help.push_str(", or raise `plugin-stages`");
        }
        failure.diagnostics[0].help = Some(help);
        Some(failure)
    }

    fn artifact(&self, stage: &Stage, output: &Output, way: Way) -> Artifact {
        let contents = output.contents.clone();
        let (source_map, diagnostics) = way.trail.end();
        let mut tag = blake3::Hasher::new_derive_key("realm output tag 1");
        tag.update(self.file.blob.as_bytes());
        tag.update(stage.plugin.digest.as_bytes());
        tag.update(stage.options.as_bytes());
        // The pieces beside the contents are named by the same tag.
        let pieces = source_map
            .iter()
            .chain(way.assets.iter().map(|asset| &asset.contents));
        for piece in std::iter::once(&contents).chain(pieces) {
            tag.update(BlobHash::of(piece).as_bytes());
        }
        Artifact {
            tag: BlobHash::from(*tag.finalize().as_bytes()).short(),
            contents,
            media_type: stage.rule.media_type.clone(),
            source_map,
            assets: way.assets,
            imports: output.imports.clone(),
            diagnostics,
            prepared: Prepared::default(),
        }
    }
}

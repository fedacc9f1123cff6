use std::collections::BTreeMap;
use std::path::Path;

use clap::{Arg, ArgMatches, Args, FromArgMatches};

use crate::config::{Config, ConfigError, RawConfig, SETTINGS};
use crate::telemetry;

/// Every setting as a flag.
#[derive(Clone, Debug, Default)]
pub(super) struct SettingsArgs(BTreeMap<String, String>);

impl SettingsArgs {
    pub(super) fn raw(&self) -> Result<RawConfig, ConfigError> {
        RawConfig::gather(&self.0, Path::new("."))
    }

    /// Starts to log as the settings say, else by `filter`, until what is returned goes. Only a host sends traces.
    pub(super) fn logging(
        &self,
        filter: &str,
        serving: bool,
    ) -> anyhow::Result<telemetry::Running> {
        let mut logging = self.raw()?.logging()?;
        if logging.filter.is_empty() {
            filter.clone_into(&mut logging.filter);
        }
        if !serving {
            logging.collector = None;
        }
        telemetry::start(&logging)
    }

    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        Config::new(&self.raw()?)
    }
}

impl Args for SettingsArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        SETTINGS.iter().fold(command, |command, setting| {
            let help = if setting.default.is_empty() {
                setting.help.to_owned()
            } else {
                format!("{} [default: {}]", setting.help, setting.default)
            };
            command.arg(
                Arg::new(setting.key)
                    .long(setting.key)
                    .value_name("VALUE")
                    .help(help)
                    .help_heading("Settings")
                    .global(true),
            )
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingsArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = SETTINGS.iter().filter_map(|setting| {
            Some((
                setting.key.to_owned(),
                matches.get_one::<String>(setting.key)?.clone(),
            ))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

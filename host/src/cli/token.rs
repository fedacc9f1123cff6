use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use super::Context;
use crate::auth::{Signer, User, check_user_name};
use crate::config::{AuthConfig, ConfigError};

/// How long a token lives that a command signs for itself; each request gets a new one.
const OWN_TTL: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print a bearer token, signed with `secret-file` or `private-key-file`
    Create(CreateArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct CreateArgs {
    /// Whose it is
    #[arg(long, value_parser = parse_user)]
    user: String,
    /// Let them do everything, on the admin socket too
    #[arg(long)]
    operator: bool,
    /// How long it is good for, as in `15m` or `30d`
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_ttl)]
    ttl: Duration,
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<()> {
    let Command::Create(args) = command;
    let config = context.settings.config()?;
    let Some(signer) = Signer::new(&config.auth)? else {
        return Err(ConfigError::Conflict(
            "there is nothing to sign a token with: set `secret-file` (HS256) or `private-key-file` (EdDSA); public keys only verify".to_owned(),
        )
        .into());
    };
    let signed = signer.sign(&User::new(&args.user, args.operator)?, args.ttl)?;
    if context.json {
        println!(
            "{}",
            json!({ "token": signed.token, "user": args.user, "operator": args.operator, "expires": signed.expires })
        );
    } else {
        println!("{}", signed.token);
    }
    Ok(())
}

fn parse_user(text: &str) -> Result<String, String> {
    check_user_name(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

fn parse_ttl(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .ok()
        .filter(|ttl| !ttl.is_zero())
        .ok_or_else(|| "write a number and a unit, as in `15m`, `24h` or `30d`".to_owned())
}

/// What a command shows to the hosts that it talks to.
pub(super) enum Bearer {
    /// Nothing.
    Nothing,
    /// The setting `token`.
    Token(String),
    /// Whoever has the host's key is an operator: a token for each request, which is soon worth nothing.
    Own(Box<Signer>, User),
}

impl Bearer {
    /// The setting `token`, else what the settings can sign.
    pub(super) fn new(config: &AuthConfig) -> anyhow::Result<Self> {
        if let Some(token) = &config.token {
            return Ok(Self::Token(token.expose().to_owned()));
        }
        Ok(match Signer::new(config)? {
            Some(signer) => Self::Own(Box::new(signer), User::new("cli", true)?),
            None => Self::Nothing,
        })
    }

    /// The token of a request that is made now.
    pub(super) fn token(&self) -> anyhow::Result<Option<String>> {
        Ok(match self {
            Self::Nothing => None,
            Self::Token(token) => Some(token.clone()),
            Self::Own(signer, user) => {
                Some(signer.sign(user, OWN_TTL).context("signing a token")?.token)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::{Bearer, parse_ttl, parse_user};
    use crate::auth::Verifier;
    use crate::config::{AuthConfig, Config, RawConfig};

    fn config(flags: &[(&str, &str)]) -> AuthConfig {
        let flags: BTreeMap<_, _> = flags
            .iter()
            .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let raw = RawConfig::gather(&flags, folder.path()).unwrap();
        Config::new(&raw).unwrap().auth
    }

    #[test]
    fn arguments_are_checked() {
        assert_eq!(parse_ttl("90s"), Ok(Duration::from_secs(90)));
        for text in ["0s", "", "-1h", "24", "soon"] {
            assert!(parse_ttl(text).is_err(), "{text}");
        }
        assert!(parse_user("ann").is_ok());
        assert!(parse_user("*").unwrap_err().contains("everyone"));
    }

    #[test]
    fn commands_show_a_token_when_they_can() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, [b'x'; 32]).unwrap();
        let secret = ("secret-file", secret.to_str().unwrap());

        let nothing = Bearer::new(&config(&[])).unwrap();
        assert_eq!(nothing.token().unwrap(), None);
        let given = Bearer::new(&config(&[secret, ("token", "a.b.c")])).unwrap();
        assert_eq!(given.token().unwrap().as_deref(), Some("a.b.c"));
        let own = config(&[secret]);
        let token = Bearer::new(&own).unwrap().token().unwrap().unwrap();
        let verifier = Verifier::new(&own).unwrap().unwrap();
        let user = verifier.verify(&token).unwrap();
        assert_eq!((user.name(), user.is_operator()), ("cli", true));
    }
}

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Config, RawConfig, Roles, Source};

impl super::CallLimits {
    /// Those of a host that is told nothing.
    pub(crate) fn of_defaults() -> Self {
        with(&[]).unwrap().limits
    }
}

/// The settings that these flags make.
pub(super) fn with(flags: &[(&str, &str)]) -> Result<Config, String> {
    let flags: BTreeMap<_, _> = flags
        .iter()
        .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let raw = RawConfig::gather(&flags, folder.path()).map_err(|error| error.to_string())?;
    Config::new(&raw).map_err(|error| error.to_string())
}

#[test]
fn every_default_is_understood() {
    let config = with(&[]).unwrap();
    assert_eq!(config.lease, Duration::from_secs(5));
    assert_eq!(config.cache_bytes, 512 << 20);
    assert!(config.limits.concurrency > 0);
}

#[test]
fn a_wrong_value_names_its_setting_and_its_source() {
    let error = with(&[("lease", "soon")]).unwrap_err();
    assert!(
        error.contains("`lease`") && error.contains("flag") && error.contains("`soon`"),
        "{error}"
    );
    assert!(with(&[("cache-bytes", "0")]).is_err());
    assert!(with(&[("origin", "http://x/path/")]).is_err());
}

#[test]
fn bytes_are_kept_for_as_long_as_a_replica_may_come_for_them() {
    let settings = [("stale-limit", "30s"), ("plugin-render-deadline", "15s")];
    let after = |after| with(&[settings[0], settings[1], ("collect-after", after)]);
    assert!(after("50s").unwrap_err().contains("`collect-after` (50s)"));
    assert!(after("51s").is_ok());
}

#[test]
fn a_role_is_one_that_there_is() {
    let roles = |text| with(&[("role", text)]).map(|config| config.roles);
    let both = Roles {
        serve: true,
        work: true,
    };
    assert_eq!(roles("work,serve"), Ok(both));
    assert_eq!(
        roles("serve"),
        Ok(Roles {
            work: false,
            ..both
        })
    );
    assert!(roles("serve,idle").unwrap_err().contains("`idle`"));
}

#[test]
fn a_search_is_no_larger_than_a_database_takes() {
    for (key, most) in [("search-depth", 64), ("search-conditions", 500)] {
        let set = |number: usize| with(&[(key, &number.to_string())]);
        assert!(set(most).is_ok());
        let error = set(most + 1).unwrap_err();
        assert!(error.contains(&format!("more than {most}")), "{error}");
        assert!(set(0).is_err());
    }
}

#[test]
fn the_file_is_read_and_flags_win_over_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("realm.toml"),
        "lease = \"2s\"\nwrite-queue = 7\n",
    )
    .unwrap();
    let flags = BTreeMap::from([("lease".to_owned(), "1s".to_owned())]);
    let raw = RawConfig::gather(&flags, folder.path()).unwrap();
    let sources: BTreeMap<_, _> = raw
        .iter()
        .map(|(setting, value)| (setting.key, value.source))
        .collect();
    assert_eq!(
        (sources["lease"], sources["write-queue"], sources["drain"]),
        (Source::Flag, Source::File, Source::Default)
    );
    let config = Config::new(&raw).unwrap();
    assert_eq!(
        (config.lease, config.write_queue),
        (Duration::from_secs(1), 7)
    );
    std::fs::write(folder.path().join("realm.toml"), "laese = \"2s\"\n").unwrap();
    assert!(
        RawConfig::gather(&flags, folder.path())
            .unwrap_err()
            .to_string()
            .contains("no setting `laese`")
    );
}

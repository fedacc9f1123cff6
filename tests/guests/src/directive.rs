//! What can be asked for, and how it is written.

use std::time::Duration;

/// Every directive, with its arguments.
pub const DIRECTIVES: [&str; 20] = [
    "spin",
    "allocate",
    "recurse",
    "huge <bytes>",
    "log <bytes>",
    "panic <message>",
    "state",
    "read <specifier> [<specifier>…]",
    "load <specifier> [<specifier>…]",
    "spin-if <specifier> <text>",
    "spin-after-read <specifier>",
    "sleep <ms>",
    "clock",
    "reads <n>",
    "echo <text>",
    "declined",
    "invalid",
    "asset",
    "room <bytes>",
    "hoard <specifier>",
];

/// One way to misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive<'a> {
    /// Loops for ever.
    Spin,
    /// Takes memory, and touches it, until there is none.
    Allocate,
    /// Recurses for ever, with a frame that cannot be optimised away.
    Recurse,
    /// Returns that many bytes.
    Huge(usize),
    /// Writes at least that many bytes to each of the log, standard output and standard error.
    Log(usize),
    /// Panics.
    Panic(&'a str),
    /// Counts the calls that this instance has seen, this one included.
    State,
    /// Reads each file; gives what it found, in order.
    Read(Vec<&'a str>),
    /// Loads each module; gives what it found, in order. Documents only.
    Load(Vec<&'a str>),
    /// Reads the file; loops for ever if it contains the text, else gives its contents.
    SpinIf(&'a str, &'a str),
    /// Reads the file, then loops for ever.
    SpinAfterRead(&'a str),
    /// Sleeps.
    Sleep(Duration),
    /// Gives what a guest can see of time and chance.
    Clock,
    /// Reads that many different files that do not exist; gives how many of the reads said so.
    Reads(usize),
    /// Gives the text.
    Echo(&'a str),
    /// Declines the file.
    Declined,
    /// Finds an error in the first line.
    Invalid,
    /// Gives a second output, `.css`.
    Asset,
    /// Gives whether it could have that many bytes more.
    Room(usize),
    /// Keeps its own file and the one that it reads, and gives all that it has ever kept.
    Hoard(&'a str),
}

impl<'a> Directive<'a> {
    /// Parses a file's first line.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn parse(line: &'a str) -> Result<Self, String> {
        let (name, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let rest = rest.trim();
        let needed = |what: &str| {
            if rest.is_empty() {
                Err(format!("`{name}` needs {what}"))
            } else {
                Ok(rest)
            }
        };
        let number = |what: &str| {
            needed(what)?
                .parse::<usize>()
                .map_err(|_| format!("`{name}` needs {what}, and `{rest}` is no number"))
        };
        Ok(match name {
            "spin" => Self::Spin,
            "allocate" => Self::Allocate,
            "recurse" => Self::Recurse,
            "huge" => Self::Huge(number("a number of bytes")?),
            "log" => Self::Log(number("a number of bytes")?),
            "panic" => Self::Panic(rest),
            "state" => Self::State,
            "read" => Self::Read(needed("a specifier")?.split_whitespace().collect()),
            "load" => Self::Load(needed("a specifier")?.split_whitespace().collect()),
            "spin-if" => {
                let (specifier, text) = needed("a specifier")?
                    .split_once(' ')
                    .ok_or("`spin-if` needs a text after the specifier")?;
                Self::SpinIf(specifier, text.trim())
            }
            "spin-after-read" => Self::SpinAfterRead(needed("a specifier")?),
            "sleep" => Self::Sleep(Duration::from_millis(
                number("a number of milliseconds")? as u64
            )),
            "clock" => Self::Clock,
            "reads" => Self::Reads(number("a number of files")?),
            "echo" => Self::Echo(rest),
            "declined" => Self::Declined,
            "invalid" => Self::Invalid,
            "asset" => Self::Asset,
            "room" => Self::Room(number("a number of bytes")?),
            "hoard" => Self::Hoard(needed("a specifier")?),
            "" => return Err("the first line has no directive".into()),
            _ => return Err(format!("`{name}` is no directive")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directive_that_is_listed_is_understood() {
        for listed in DIRECTIVES {
            let line = listed
                .split(" [")
                .next()
                .unwrap_or_default()
                .replace("<bytes>", "7");
            let line = line.replace("<ms>", "7").replace("<n>", "7");
            assert!(Directive::parse(&line).is_ok(), "{line}");
        }
    }

    #[test]
    fn arguments_are_checked() {
        for line in [
            "",
            "dance",
            "huge",
            "huge much",
            "read",
            "spin-if ./a",
            "spin-after-read",
            "sleep x",
        ] {
            assert!(Directive::parse(line).is_err(), "{line}");
        }
        assert_eq!(
            Directive::parse("spin-if ./a two words"),
            Ok(Directive::SpinIf("./a", "two words"))
        );
        assert_eq!(
            Directive::parse("read ./a  ../b"),
            Ok(Directive::Read(vec!["./a", "../b"]))
        );
    }
}

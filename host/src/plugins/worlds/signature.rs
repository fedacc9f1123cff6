//! Where the type of a function in a component differs from that of the contract.

use wasmparser::component_types::{ComponentDefinedType, ComponentFuncType, ComponentValType};
use wasmparser::types::TypesRef;
use wit_parser::{Function, Resolve, Type, TypeDefKind};

/// The contract's types, and a component's.
#[derive(Clone, Copy)]
pub(super) struct Types<'a> {
    pub(super) ours: &'a Resolve,
    pub(super) theirs: TypesRef<'a>,
}

impl Types<'_> {
    /// The first place in which a function is not what the contract has; none: it is.
    pub(super) fn difference(self, wanted: &Function, found: &ComponentFuncType) -> Option<String> {
        if found.async_ {
            return Some("it is asynchronous, and must not be".to_owned());
        }
        if wanted.params.len() != found.params.len() {
            return Some(format!(
                "it takes {}, and must take {}",
                parameters(found.params.len()),
                parameters(wanted.params.len())
            ));
        }
        let mut pairs = wanted.params.iter().zip(&found.params);
        let of_parameters = pairs.find_map(|(wanted, (_, found))| {
            let place = format!("parameter `{}`", wanted.name);
            self.differs(wanted.ty, *found, &place)
        });
        of_parameters.or_else(|| self.maybe(wanted.result, found.result, "its result"))
    }

    fn maybe(
        self,
        wanted: Option<Type>,
        found: Option<ComponentValType>,
        place: &str,
    ) -> Option<String> {
        if let (Some(wanted), Some(found)) = (wanted, found) {
            return self.differs(wanted, found, place);
        }
        if wanted.is_none() && found.is_none() {
            return None;
        }
        let nothing = || "nothing".to_owned();
        let wanted = wanted.map_or_else(nothing, |wanted| self.wanted(wanted));
        let found = found.map_or_else(nothing, |found| self.found(found));
        Some(format!("{place} is {found}, and must be {wanted}"))
    }

    /// A type of the contract in a few words.
    fn wanted(self, of: Type) -> String {
        match self.kind(of) {
            Ok(kind) => format!("`{}`", kind.as_str()),
            Err(plain) => format!("`{}`", plain_name(plain)),
        }
    }

    /// A type of the component in a few words.
    fn found(self, of: ComponentValType) -> String {
        let id = match of {
            ComponentValType::Primitive(plain) => return format!("`{plain}`"),
            ComponentValType::Type(id) => id,
        };
        let name = match &self.theirs[id] {
            ComponentDefinedType::Primitive(plain) => return format!("`{plain}`"),
            ComponentDefinedType::Record(_) => "record",
            ComponentDefinedType::Variant(_) => "variant",
            ComponentDefinedType::List { .. } => "list",
            ComponentDefinedType::Tuple(_) => "tuple",
            ComponentDefinedType::Flags(_) => "flags",
            ComponentDefinedType::Enum(_) => "enum",
            ComponentDefinedType::Option { .. } => "option",
            ComponentDefinedType::Result { .. } => "result",
            ComponentDefinedType::Own(_) => "own",
            ComponentDefinedType::Borrow(_) => "borrow",
            _ => "of a kind that no contract has",
        };
        format!("`{name}`")
    }

    /// Follows what only names another type.
    fn kind(&self, mut of: Type) -> Result<&TypeDefKind, Type> {
        loop {
            let Type::Id(id) = of else { return Err(of) };
            match &self.ours.types[id].kind {
                TypeDefKind::Type(other) => of = *other,
                kind => return Ok(kind),
            }
        }
    }

    /// It goes as deep as the contract's own types do, whatever the component has.
    fn differs(self, wanted: Type, found: ComponentValType, place: &str) -> Option<String> {
        let plain = match found {
            ComponentValType::Primitive(plain) => Some(plain),
            ComponentValType::Type(id) => match &self.theirs[id] {
                ComponentDefinedType::Primitive(plain) => Some(*plain),
                _ => None,
            },
        };
        let other = || {
            let (wanted, found) = (self.wanted(wanted), self.found(found));
            Some(format!("{place} is {found}, and must be {wanted}"))
        };
        let (kind, id) = match (self.kind(wanted), plain, found) {
            (Err(wanted), Some(plain), _) if plain_name(wanted) == plain.to_string() => {
                return None;
            }
            (Ok(kind), None, ComponentValType::Type(id)) => (kind, id),
            _ => return other(),
        };
        match (kind, &self.theirs[id]) {
            (TypeDefKind::Record(wanted), ComponentDefinedType::Record(found)) => {
                let fields = wanted.fields.iter().map(|field| field.name.as_str());
                let names = found.fields.keys().map(|name| name.as_str());
                others("fields", fields, names, place).or_else(|| {
                    let mut pairs = wanted.fields.iter().zip(found.fields.values());
                    pairs.find_map(|(wanted, found)| {
                        let place = format!("{place}, field `{}`", wanted.name);
                        self.differs(wanted.ty, *found, &place)
                    })
                })
            }
            (TypeDefKind::Variant(wanted), ComponentDefinedType::Variant(found)) => {
                let cases = wanted.cases.iter().map(|case| case.name.as_str());
                let names = found.cases.keys().map(|name| name.as_str());
                others("cases", cases, names, place).or_else(|| {
                    let mut pairs = wanted.cases.iter().zip(found.cases.values());
                    pairs.find_map(|(wanted, found)| {
                        let place = format!("{place}, case `{}`", wanted.name);
                        self.maybe(wanted.ty, found.ty, &place)
                    })
                })
            }
            (TypeDefKind::Enum(wanted), ComponentDefinedType::Enum(found)) => {
                let cases = wanted.cases.iter().map(|case| case.name.as_str());
                others(
                    "cases",
                    cases,
                    found.iter().map(|name| name.as_str()),
                    place,
                )
            }
            (TypeDefKind::Option(wanted), ComponentDefinedType::Option { ty, .. }) => {
                self.differs(*wanted, *ty, place)
            }
            (TypeDefKind::List(wanted), ComponentDefinedType::List { element, .. }) => self
                .differs(
                    *wanted,
                    *element,
                    &format!("{place}, each of its elements,"),
                ),
            (TypeDefKind::Tuple(wanted), ComponentDefinedType::Tuple(found))
                if wanted.types.len() == found.types.len() =>
            {
                let mut pairs = wanted.types.iter().zip(&found.types);
                pairs.find_map(|(wanted, found)| self.differs(*wanted, *found, place))
            }
            (TypeDefKind::Result(wanted), ComponentDefinedType::Result { ok, err, .. }) => {
                let error = || self.maybe(wanted.err, *err, &format!("{place}, where it fails,"));
                self.maybe(wanted.ok, *ok, place).or_else(error)
            }
            _ => other(),
        }
    }
}

fn parameters(count: usize) -> String {
    match count {
        1 => "1 parameter".to_owned(),
        count => format!("{count} parameters"),
    }
}

fn others<'a>(
    what: &str,
    wanted: impl Iterator<Item = &'a str>,
    found: impl Iterator<Item = &'a str>,
    place: &str,
) -> Option<String> {
    let (wanted, found): (Vec<_>, Vec<_>) = (wanted.collect(), found.collect());
    if wanted == found {
        return None;
    }
    let (wanted, found) = (wanted.join("`, `"), found.join("`, `"));
    Some(format!(
        "{place} has the {what} `{found}`, and must have `{wanted}`"
    ))
}

fn plain_name(of: Type) -> String {
    format!("{of:?}").to_lowercase()
}

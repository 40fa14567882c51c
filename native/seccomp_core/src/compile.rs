// SPDX-License-Identifier: Apache-2.0

//! The form of a policy that decides calls: sets of numbers.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::args::{Answer, ArgSpec};
use crate::error::Error;
use crate::layer::Layer;
use crate::policy::{Mode, OnDeny, Permission, Policy};
use crate::rule::{Pat, Pattern};
use crate::verdict::Verdict;

pub(crate) type Set<T> = HashSet<T, RandomState>;
type Name = Pat<Arc<str>>;

/// Gives every name its number: in the virtual machine the atom.
pub trait AtomTable {
    /// The number of a name. Equal names have equal numbers, different names
    /// different ones, for as long as a compiled policy is used.
    fn atom(&self, name: &str) -> Result<u64, Error>;
}

/// A call, with its names as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mfa {
    /// The module.
    pub module: u64,
    /// The function.
    pub function: u64,
    /// The arity.
    pub arity: u32,
}

/// A policy that decides calls, in a time that does not depend on how many
/// rules it has.
#[derive(Debug)]
pub struct Compiled {
    pub(crate) layers: Vec<Matcher>,
    pub(crate) gates: Set<(u64, u64, u32)>,
    /// The match specifications that layers speak of, each once.
    pub(crate) specs: Vec<ArgSpec>,
    pub(crate) spawn: Permission,
    pub(crate) on_deny: OnDeny,
}

/// A layer. There is one set for each choice of places that are fixed, so a
/// call is looked up at most once in each, however many patterns there are.
#[derive(Debug)]
pub(crate) struct Matcher {
    pub(crate) mode: Mode,
    any: bool,
    modules: Set<u64>,
    functions: Set<u64>,
    arities: Set<u32>,
    module_functions: Set<(u64, u64)>,
    module_arities: Set<(u64, u32)>,
    function_arities: Set<(u64, u32)>,
    mfas: Set<(u64, u64, u32)>,
    /// For functions whose arguments count, which of [`Compiled::specs`].
    args: HashMap<(u64, u64, u32), Vec<usize>, RandomState>,
}

impl Compiled {
    /// Compiles a policy.
    pub fn new(policy: &Policy, atoms: &dyn AtomTable) -> Result<Self, Error> {
        let mut specs = Vec::new();
        let layers = policy
            .layers()
            .iter()
            .map(|layer| Matcher::new(layer, atoms, &mut specs))
            .collect::<Result<_, _>>()?;
        let mut gates = Shapes::default();
        let mut names = Names { atoms, last: None };
        for gate in policy.gates() {
            gates.add(gate, &mut names)?;
        }
        Ok(Compiled {
            layers,
            gates: set(gates.mfas),
            specs,
            spawn: policy.spawn(),
            on_deny: policy.on_deny(),
        })
    }
}

impl Matcher {
    fn new(
        layer: &Layer,
        atoms: &dyn AtomTable,
        specs: &mut Vec<ArgSpec>,
    ) -> Result<Self, Error> {
        let mut shapes = Shapes::default();
        let mut args: HashMap<_, Vec<usize>, _> = HashMap::default();
        let mut names = Names { atoms, last: None };
        for entry in layer.entries() {
            match &entry.args {
                None => shapes.add(&entry.pattern, &mut names)?,
                Some(spec) => {
                    let mut one = Shapes::default();
                    one.add(&entry.pattern, &mut names)?;
                    for mfa in one.mfas {
                        args.entry(mfa).or_default().push(number(spec, specs));
                    }
                }
            }
        }
        Ok(Matcher {
            mode: layer.mode(),
            any: shapes.any,
            modules: set(shapes.modules),
            functions: set(shapes.functions),
            arities: set(shapes.arities),
            module_functions: set(shapes.module_functions),
            module_arities: set(shapes.module_arities),
            function_arities: set(shapes.function_arities),
            mfas: set(shapes.mfas),
            args,
        })
    }

    /// Which match specifications count for the call, if its arguments do.
    pub(crate) fn specs_of(&self, call: &Mfa) -> Option<&[usize]> {
        if self.args.is_empty() {
            return None;
        }
        let key = (call.module, call.function, call.arity);
        self.args.get(&key).map(Vec::as_slice)
    }

    /// What the layer says of the call, given what match specifications make of
    /// its arguments.
    pub(crate) fn verdict(
        &self,
        call: &Mfa,
        answer: &mut dyn FnMut(usize) -> Answer,
    ) -> Verdict {
        let Some(specs) = self.specs_of(call) else {
            return Verdict::of(self.mode, self.matches(call));
        };
        let mut answers = specs.iter().map(|spec| answer(*spec));
        let matches = match self.mode {
            Mode::Whitelist => answers.any(|a| a == Answer::True),
            Mode::Blacklist => {
                self.matches(call) || answers.any(|a| a != Answer::False)
            }
        };
        Verdict::of(self.mode, matches)
    }

    /// Whether any pattern matches the call.
    pub(crate) fn matches(&self, call: &Mfa) -> bool {
        let Mfa {
            module: m,
            function: f,
            arity: a,
        } = *call;
        self.any
            || self.modules.contains(&m)
            || self.module_functions.contains(&(m, f))
            || self.mfas.contains(&(m, f, a))
            || self.functions.contains(&f)
            || self.function_arities.contains(&(f, a))
            || self.module_arities.contains(&(m, a))
            || self.arities.contains(&a)
    }
}

/// The number of a match specification, a new one if need be.
fn number(spec: &ArgSpec, specs: &mut Vec<ArgSpec>) -> usize {
    let known = specs.iter().position(|known| known == spec);
    known.unwrap_or_else(|| {
        specs.push(spec.clone());
        specs.len() - 1
    })
}

/// The patterns by shape, counted before they become sets: a set that grows
/// while it is filled takes several times as long.
#[derive(Default)]
struct Shapes {
    any: bool,
    modules: Vec<u64>,
    functions: Vec<u64>,
    arities: Vec<u32>,
    module_functions: Vec<(u64, u64)>,
    module_arities: Vec<(u64, u32)>,
    function_arities: Vec<(u64, u32)>,
    mfas: Vec<(u64, u64, u32)>,
}

impl Shapes {
    fn add<'a>(
        &mut self,
        pattern: &'a Pattern,
        names: &mut Names<'a>,
    ) -> Result<(), Error> {
        let module = names.module(&pattern.module)?;
        let function = names.function(&pattern.function)?;
        let arity = match pattern.arity {
            Pat::Any => None,
            Pat::Is(arity) => Some(u32::from(arity)),
        };
        match (module, function, arity) {
            (None, None, None) => self.any = true,
            (Some(m), None, None) => self.modules.push(m),
            (None, Some(f), None) => self.functions.push(f),
            (None, None, Some(a)) => self.arities.push(a),
            (Some(m), Some(f), None) => self.module_functions.push((m, f)),
            (Some(m), None, Some(a)) => self.module_arities.push((m, a)),
            (None, Some(f), Some(a)) => self.function_arities.push((f, a)),
            (Some(m), Some(f), Some(a)) => self.mfas.push((m, f, a)),
        }
        Ok(())
    }
}

fn set<T: Eq + Hash>(values: Vec<T>) -> Set<T> {
    values.into_iter().collect()
}

/// Names to numbers. Patterns come sorted by module, so remembering the last
/// one saves nearly every question about a module.
struct Names<'a> {
    atoms: &'a dyn AtomTable,
    last: Option<(&'a str, u64)>,
}

impl<'a> Names<'a> {
    fn module(&mut self, name: &'a Name) -> Result<Option<u64>, Error> {
        let Pat::Is(name) = name else {
            return Ok(None);
        };
        match self.last {
            Some((last, atom)) if *last == **name => Ok(Some(atom)),
            _ => {
                let atom = self.atoms.atom(name)?;
                self.last = Some((name, atom));
                Ok(Some(atom))
            }
        }
    }

    fn function(&self, name: &Name) -> Result<Option<u64>, Error> {
        match name {
            Pat::Any => Ok(None),
            Pat::Is(name) => self.atoms.atom(name).map(Some),
        }
    }
}

//! The variables of a pattern and their subsets.

/// The variables of a pattern, by number in the order in which PATTERN names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Variables {
    /// by which they are found, and as they are written first
    names: Vec<(String, String)>,
    subsets: Vec<(String, Vec<usize>)>,
}

impl Variables {
    /// The number of a variable that stands in the pattern.
    pub(crate) fn in_pattern(&mut self, name: String, written: &str) -> usize {
        match self.number(&name) {
            Some(number) => number,
            None => {
                self.names.push((name, written.to_string()));
                self.names.len() - 1
            }
        }
    }

    /// The number of a variable.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|(n, _)| n == name)
    }

    /// Adds a subset.
    pub(crate) fn add_subset(&mut self, name: String, mut of: Vec<usize>) {
        of.sort_unstable();
        of.dedup();
        self.subsets.push((name, of));
    }

    /// The variables that a name stands for, and the name.
    pub(crate) fn of(&self, name: &str) -> Option<(Vec<usize>, String)> {
        let variables = match self.number(name) {
            Some(number) => vec![number],
            None => self.subsets.iter().find(|(n, _)| n == name)?.1.clone(),
        };
        Some((variables, name.to_string()))
    }

    /// How many variables there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// A variable as it is written first.
    pub(crate) fn shown(&self, number: usize) -> &str {
        self.names.get(number).map_or("", |(_, written)| written)
    }

    /// Variables as they are written first.
    pub(crate) fn all_shown(&self) -> Vec<String> {
        self.names.iter().map(|(_, written)| written.clone()).collect()
    }

    /// Names of the variables and subsets.
    pub(crate) fn all(&self) -> Vec<&str> {
        let subsets = self.subsets.iter().map(|(n, _)| n.as_str());
        self.names.iter().map(|(_, written)| written.as_str()).chain(subsets).collect()
    }
}

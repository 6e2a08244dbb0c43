//! What a change would do, before it is made.

use std::collections::HashMap;

use super::{Effective, Node, Registry, Said, Setting, Values, resolve};

/// Which node hangs from which.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    parents: HashMap<Node, Node>,
}

impl Tree {
    /// Hangs a node from another one, in place of where it hung.
    pub fn hang(&mut self, node: Node, parent: Node) {
        self.parents.insert(node, parent);
    }

    /// The nodes from the top down to this one. A circle ends where it closes.
    #[must_use]
    pub fn chain(&self, node: Node) -> Vec<Node> {
        let mut chain = vec![node];
        let mut at = node;
        while let Some(parent) = self.parents.get(&at) {
            if chain.contains(parent) {
                break;
            }
            chain.push(*parent);
            at = *parent;
        }
        chain.reverse();
        chain
    }

    /// This node and all below it, in no order.
    fn below(&self, top: Node) -> impl Iterator<Item = Node> {
        let inside =
            self.parents.keys().copied().filter(move |node| *node != top && self.chain(*node).contains(&top));
        std::iter::once(top).chain(inside)
    }
}

/// A change to be thought through.
#[derive(Clone, Debug)]
pub enum Change {
    /// A node says something of a setting, or nothing any more.
    Say {
        /// The node.
        node: Node,
        /// The setting.
        key: String,
        /// What it says.
        said: Option<Said>,
    },
    /// A node is hung from another one.
    Move {
        /// The node.
        node: Node,
        /// Where it will hang.
        to: Node,
    },
}

/// A setting that would say something else at a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The node.
    pub node: Node,
    /// The setting.
    pub key: String,
    /// What it says now.
    pub before: Effective,
    /// What it would say.
    pub after: Effective,
    /// Whether that protects less.
    pub looser: bool,
}

/// What `change` would make other, in the order of nodes and names.
#[must_use]
pub fn effects(registry: &Registry, tree: &Tree, values: &Values, change: &Change) -> Vec<Effect> {
    let (mut changed_tree, mut changed) = (tree.clone(), values.clone());
    let (top, settings): (Node, Vec<&Setting>) = match change {
        Change::Say { node, key, said } => {
            match said {
                Some(said) => changed.say(*node, key, said.clone()),
                None => changed.unsay(*node, key),
            }
            (*node, registry.find(key).into_iter().collect())
        }
        Change::Move { node, to } => {
            changed_tree.hang(*node, *to);
            (*node, registry.all().collect())
        }
    };
    let mut found = Vec::new();
    for node in tree.below(top) {
        let (chain, changed_chain) = (tree.chain(node), changed_tree.chain(node));
        for setting in &settings {
            let before = resolve(setting, values, &chain);
            let after = resolve(setting, &changed, &changed_chain);
            if before.value != after.value {
                let looser = !setting.as_strict(&after.value, &before.value);
                found.push(Effect { node, key: setting.key.to_string(), before, after, looser });
            }
        }
    }
    found.sort_by(|one, other| (one.node, &one.key).cmp(&(other.node, &other.key)));
    found
}

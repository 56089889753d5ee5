//! Other ways to store the same file.

use proptest::prelude::*;

use super::file::{self, List, Node, Packing, Part, Place};

/// A change that leaves the bytes of a file as they are. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
pub enum Change {
    /// A chunk becomes two.
    Split(usize, u64),
    /// Neighbours in the list go into a chunk manifest.
    Wrap(usize, usize, List),
    /// A chunk is packed, digested and found in another way.
    Repack(usize, Packing, bool, Place),
}

impl Change {
    pub fn apply(&self, nodes: &mut Vec<Node>) {
        if nodes.is_empty() {
            return;
        }
        match self {
            Self::Split(index, at) => {
                let index = index % nodes.len();
                if let Node::Part(part) = &nodes[index] {
                    let halves = split(part, at % (part.size + 1));
                    nodes.splice(index..=index, halves.map(Node::Part));
                }
            }
            Self::Wrap(index, count, list) => {
                let index = index % nodes.len();
                let count = 1 + count % (nodes.len() - index);
                let inner = nodes.splice(index..index + count, []).collect();
                nodes.insert(index, List { trim: (0, 0), ..list.clone() }.around(inner));
            }
            Self::Repack(index, packing, digest, place) => {
                let index = index % nodes.len();
                if let Node::Part(part) = &mut nodes[index] {
                    (part.packing, part.digest, part.place) = (*packing, *digest, *place);
                }
            }
        }
    }
}

fn split(part: &Part, at: u64) -> [Part; 2] {
    let first = Part { size: at, beyond: 0, ..part.clone() };
    let then = part.at.map(|offset| offset + at);
    let second = Part { at: then, gap: 0, size: part.size - at, from: part.from + at, ..part.clone() };
    [first, second]
}

pub fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = || 0..8_usize;
    let place = prop::sample::select(vec![Place::Id, Place::Urls, Place::Shared, Place::Inline]);
    let change = prop_oneof![
        (index(), 0..400_u64).prop_map(|(index, at)| Change::Split(index, at)),
        (index(), index(), file::wrapping())
            .prop_map(|(index, count, list)| Change::Wrap(index, count, list)),
        (index(), file::packing(), any::<bool>(), place)
            .prop_map(|(index, packing, digest, place)| Change::Repack(index, packing, digest, place)),
    ];
    prop::collection::vec(change, 0..5)
}

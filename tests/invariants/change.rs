//! Changes to how a file is stored that do not change its bytes.

use proptest::prelude::*;

use super::file::{self, Manifest, Node, Packing, Part, Place};

/// A change to how a file is stored. Indices are taken modulo the number of nodes.
#[derive(Clone, Debug)]
pub enum Change {
    /// A chunk is split into two.
    Split(usize, u64),
    /// Adjacent nodes are moved into a chunk manifest.
    Wrap(usize, usize, Manifest),
    /// A chunk gets another packing, digest and place.
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
                nodes.insert(index, Manifest { trim: (0, 0), ..list.clone() }.around(inner));
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

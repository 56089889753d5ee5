//! Files: their chunks, the blobs in which they are stored, and their bytes.

use std::{io::Write, iter, ops::Range, rc::Rc};

use flate2::{Compression as Level, write::GzEncoder};
use kelp_stream::model::chunk::{Chunk, Compression, Source};
use proptest::prelude::*;

use super::support::{self, protobuf};

/// An entry in a list of chunks.
#[derive(Clone, Debug)]
pub enum Node {
    Part(Part),
    Manifest(Manifest),
}

/// A chunk that holds bytes.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its offset; `None`: it follows the node before it, after a hole of `gap` bytes.
    pub at: Option<u64>,
    pub gap: u64,
    pub size: u64,
    /// It was truncated: this many bytes more are stored than its size.
    pub beyond: u64,
    pub version: i64,
    pub packing: Packing,
    pub digest: bool,
    pub place: Place,
    /// Makes its bytes different from those of other parts.
    pub salt: u8,
    /// Its first byte within these bytes.
    pub from: u64,
}

/// A chunk manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub nodes: Vec<Node>,
    pub packing: Packing,
    pub digest: bool,
    /// It spans less than its chunks: this many bytes less at the start, and at the end.
    pub trim: (u64, u64),
    /// How its fields are encoded.
    pub forms: u8,
    /// It is listed this many times, one after another.
    pub listed: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Sealed,
    SealedGzip,
    Gzip,
    ByServer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Id,
    Urls,
    Shared,
    Inline,
}

/// A stored object.
#[derive(Debug)]
pub struct Blob {
    pub name: String,
    pub bytes: Vec<u8>,
    pub packing: Packing,
    pub digest: bool,
    pub truncated: bool,
    pub is_manifest: bool,
    /// It has a file id: replicas are looked up, and requests have tokens.
    pub by_id: bool,
    /// Several chunks share it.
    pub shared: bool,
    /// The length of its chunk manifest before packing.
    pub decoded: u64,
    /// The largest cost of its chunks that are decoded as a whole, as known before they are fetched.
    pub cost: u64,
    /// The longest of its other chunks.
    pub flow: u64,
    /// The bytes that one of its chunks may hold beyond that.
    pub growth: u64,
}

/// The bytes of a chunk, which are visible where no newer layer is.
#[derive(Clone, Debug)]
struct Layer {
    positions: Range<u64>,
    offset: u64,
    size: u64,
    version: i64,
    blob: Option<usize>,
    bytes: Rc<Vec<u8>>,
}

/// A file.
#[derive(Debug, Default)]
pub struct File {
    pub chunks: Vec<Chunk>,
    pub blobs: Vec<Blob>,
    layers: Vec<Layer>,
    cursor: u64,
    shared: Option<usize>,
}

/// The index of the layer that is visible at a position; `None` in a hole.
pub type Owner = Option<usize>;

impl File {
    pub fn new(nodes: &[Node]) -> Self {
        let mut file = Self::default();
        for node in nodes {
            if let Some((chunk, layers)) = file.add(node, false) {
                file.chunks.extend(iter::repeat_n(chunk, node.listed()));
                file.layers.extend(layers);
            }
        }
        file
    }

    /// The position after the last byte that a chunk holds.
    pub fn end(&self) -> u64 {
        let positions = self.layers.iter().map(|layer| &layer.positions);
        positions.filter(|positions| !positions.is_empty()).map(|positions| positions.end).max().unwrap_or(0)
    }

    /// The model: layers overwrite one another, the oldest first, and of equals the first in the list.
    pub fn model(&self, range: &Range<u64>) -> (Vec<u8>, Vec<Owner>) {
        let mut order: Vec<usize> = (0..self.layers.len()).collect();
        order.sort_by_key(|&layer| (self.layers[layer].version, layer));
        let len = (range.end - range.start) as usize;
        let (mut bytes, mut owners) = (vec![0; len], vec![None; len]);
        for index in order {
            let layer = &self.layers[index];
            for at in layer.positions.start.max(range.start)..layer.positions.end.min(range.end) {
                let to = (at - range.start) as usize;
                bytes[to] = layer.bytes[(at - layer.offset) as usize];
                owners[to] = Some(index);
            }
        }
        (bytes, owners)
    }

    /// The blob that stores the bytes of a layer.
    pub fn blob_of(&self, owner: usize) -> Option<usize> {
        self.layers[owner].blob
    }

    /// Whether a reader of this range needs all bytes of the chunk in a blob, or none.
    pub fn is_seen_whole(&self, blob: usize, range: &Range<u64>) -> bool {
        // Manifests cut views at the bounds of their spans.
        if self.chunks.iter().any(|chunk| chunk.is_manifest) {
            return false;
        }
        let (_, owners) = self.model(range);
        let Some(index) = self.layers.iter().position(|layer| layer.blob == Some(blob)) else {
            return false;
        };
        let seen = owners.iter().filter(|owner| **owner == Some(index)).count() as u64;
        seen == 0 || seen == self.layers[index].size
    }

    fn add(&mut self, node: &Node, in_manifest: bool) -> Option<(Chunk, Vec<Layer>)> {
        match node {
            Node::Part(part) => Some(self.add_part(part, in_manifest)),
            Node::Manifest(list) => self.add_list(list),
        }
    }

    fn add_part(&mut self, part: &Part, in_manifest: bool) -> (Chunk, Vec<Layer>) {
        let offset = part.at.unwrap_or(self.cursor + part.gap);
        self.cursor = offset + part.size;
        let mut place = if in_manifest { Place::Id } else { part.place };
        let mut packing = part.packing;
        if place == Place::Inline {
            packing = Packing::Plain;
        }
        if in_manifest && packing == Packing::Gzip {
            packing = Packing::ByServer;
        }
        // An object that a server compresses is never shared.
        if place == Place::Shared && packing == Packing::ByServer {
            place = Place::Urls;
        }
        // A plain part of a shared blob has exactly its size.
        let beyond = if matches!(place, Place::Shared | Place::Inline) { 0 } else { part.beyond };
        let bytes = Rc::new(content(part.salt, part.from, part.size + beyond));
        let stored = pack(packing, &bytes);
        let md5 = part.digest.then(|| support::md5(&bytes));
        let mut chunk = Chunk { modified: part.version, md5, ..blank(offset, part.size, packing) };
        let blob = match place {
            Place::Inline => {
                chunk.source = Source::Inline(bytes.as_slice().into());
                None
            }
            Place::Shared => {
                let shared = self.shared_blob();
                let blob = &mut self.blobs[shared];
                let start = blob.bytes.len() as u64;
                blob.bytes.extend(&stored);
                blob.bytes.extend(b"between");
                blob.add_chunk(part.size, stored.len() as u64, bytes.len() as u64, packing);
                chunk.stored = Some(start..start + stored.len() as u64);
                chunk.source = Source::Urls([blob.name.clone()].into());
                Some(shared)
            }
            Place::Id | Place::Urls => {
                let by_id = place == Place::Id;
                let name = self.name(by_id);
                chunk.source = if by_id {
                    Source::FileId(name.as_str().into())
                } else {
                    Source::Urls([name.clone()].into())
                };
                let mut blob = Blob::new(name, by_id, packing);
                blob.add_chunk(part.size, stored.len() as u64, bytes.len() as u64, packing);
                (blob.bytes, blob.digest, blob.truncated) = (stored, part.digest, beyond > 0);
                self.blobs.push(blob);
                Some(self.blobs.len() - 1)
            }
        };
        let positions = offset..chunk.end();
        let layer = Layer { positions, offset, size: part.size, version: part.version, blob, bytes };
        (chunk, vec![layer])
    }

    fn add_list(&mut self, list: &Manifest) -> Option<(Chunk, Vec<Layer>)> {
        let (mut chunks, mut layers) = (Vec::new(), Vec::new());
        for node in &list.nodes {
            if let Some((chunk, held)) = self.add(node, true) {
                chunks.extend(iter::repeat_n(chunk, node.listed()));
                layers.extend(held);
            }
        }
        let start = chunks.iter().map(|chunk| chunk.offset).min()?;
        let end = chunks.iter().map(Chunk::end).max()?;
        let trimmed = start + list.trim.0..end.saturating_sub(list.trim.1);
        let span = if trimmed.is_empty() { start..end } else { trimmed };
        if span.is_empty() {
            return None;
        }
        let packing = if list.packing == Packing::Gzip { Packing::ByServer } else { list.packing };
        let bytes = protobuf::manifest(&chunks, list.forms);
        let name = self.name(true);
        let mut blob = Blob::new(name.clone(), true, packing);
        (blob.is_manifest, blob.digest) = (true, list.digest);
        blob.bytes = pack(packing, &bytes);
        blob.cost = 2 * blob.bytes.len() as u64;
        blob.decoded = bytes.len() as u64;
        self.blobs.push(blob);
        let chunk = Chunk {
            source: Source::FileId(name.as_str().into()),
            md5: list.digest.then(|| support::md5(&bytes)),
            is_manifest: true,
            // The version of a manifest has no meaning.
            modified: i64::from(list.forms) - 128,
            ..blank(span.start, span.end - span.start, packing)
        };
        for layer in &mut layers {
            let clipped = layer.positions.start.max(span.start)..layer.positions.end.min(span.end);
            layer.positions = clipped.start..clipped.end.max(clipped.start);
        }
        Some((chunk, layers))
    }

    fn shared_blob(&mut self) -> usize {
        if let Some(shared) = self.shared {
            return shared;
        }
        let mut blob = Blob::new("shared".into(), false, Packing::Plain);
        blob.shared = true;
        blob.bytes = b"before".to_vec();
        self.blobs.push(blob);
        *self.shared.insert(self.blobs.len() - 1)
    }

    fn name(&self, by_id: bool) -> String {
        let number = self.blobs.len() + 1;
        if by_id { format!("{},{number:02x}0000cafe", number % 3 + 1) } else { format!("u{number}") }
    }
}

impl Blob {
    fn new(name: String, by_id: bool, packing: Packing) -> Self {
        Self {
            name,
            bytes: Vec::new(),
            packing,
            digest: false,
            truncated: false,
            is_manifest: false,
            by_id,
            shared: false,
            decoded: 0,
            cost: 0,
            flow: 0,
            growth: 0,
        }
    }

    fn add_chunk(&mut self, size: u64, stored: u64, decoded: u64, packing: Packing) {
        let whole = !matches!(packing, Packing::Plain | Packing::ByServer);
        if whole {
            let cost = 2 * size + 28;
            self.cost = self.cost.max(cost);
            self.growth = self.growth.max((2 * stored).max(decoded).saturating_sub(cost));
        } else {
            self.flow = self.flow.max(size);
        }
    }

    /// Whether it is decoded as a whole before any byte is delivered.
    pub fn is_whole(&self) -> bool {
        self.is_manifest || !matches!(self.packing, Packing::Plain | Packing::ByServer)
    }

    /// Whether decoding detects any changed byte.
    pub fn is_sealed(&self) -> bool {
        !self.shared && matches!(self.packing, Packing::Sealed | Packing::SealedGzip)
    }
}

fn blank(offset: u64, size: u64, packing: Packing) -> Chunk {
    let sealed = matches!(packing, Packing::Sealed | Packing::SealedGzip);
    Chunk {
        key: sealed.then(support::key),
        compression: match packing {
            Packing::Plain | Packing::Sealed => Compression::None,
            Packing::Gzip | Packing::SealedGzip => Compression::Gzip,
            Packing::ByServer => Compression::ByServer,
        },
        ..support::plain(&[], offset, size)
    }
}

/// Bytes that differ between positions and between chunks, and are never zero.
fn content(salt: u8, from: u64, len: u64) -> Vec<u8> {
    (from..from + len).map(|at| support::byte(at).wrapping_add(salt.wrapping_mul(101)) | 1).collect()
}

fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
    match packing {
        // The platform decompresses what a server compressed.
        Packing::Plain | Packing::ByServer => bytes.to_vec(),
        Packing::Sealed => support::encrypted(bytes, &support::key()),
        Packing::SealedGzip => support::encrypted(&gzip(bytes), &support::key()),
        Packing::Gzip => gzip(bytes),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

/// Files of up to a dozen chunks. One in five has only plain chunks, and two in five have chunk manifests.
pub fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let flat = prop::collection::vec(part().prop_map(Node::Part), 0..9);
    let plain = part().prop_map(|part| Node::Part(Part { packing: Packing::Plain, ..part }));
    let plain = prop::collection::vec(plain, 0..9);
    let some = prop::collection::vec(prop_oneof![4 => part().prop_map(Node::Part), 1 => list()], 1..6);
    prop_oneof![1 => plain, 2 => flat, 2 => some]
}

fn list() -> impl Strategy<Value = Node> {
    let parts = || prop::collection::vec(part().prop_map(Node::Part), 1..4);
    let inner = (parts(), wrapping()).prop_map(|(nodes, wrapping)| wrapping.around(nodes));
    (parts(), prop::option::weighted(0.25, inner), wrapping()).prop_map(|(mut nodes, inner, wrapping)| {
        nodes.extend(inner);
        wrapping.around(nodes)
    })
}

impl Node {
    fn listed(&self) -> usize {
        match self {
            Self::Part(_) => 1,
            Self::Manifest(list) => list.listed,
        }
    }
}

impl Manifest {
    /// A chunk manifest of these nodes.
    pub fn around(self, nodes: Vec<Node>) -> Node {
        Node::Manifest(Self { nodes, ..self })
    }
}

/// A chunk manifest without its nodes.
pub fn wrapping() -> impl Strategy<Value = Manifest> {
    let trim = || prop_oneof![2 => Just(0), 1 => 0..80_u64];
    let nodes = Vec::new;
    let listed = prop_oneof![4 => Just(1), 1 => 2..4_usize];
    (packing(), any::<bool>(), (trim(), trim()), any::<u8>(), listed).prop_map(
        move |(packing, digest, trim, forms, listed)| Manifest {
            nodes: nodes(),
            packing,
            digest,
            trim,
            forms,
            listed,
        },
    )
}

pub fn part() -> impl Strategy<Value = Part> {
    let at = prop_oneof![2 => Just(None), 1 => (0..1000_u64).prop_map(Some)];
    let gap = prop_oneof![3 => Just(0), 1 => 1..60_u64];
    let size = prop_oneof![1 => Just(0), 4 => 1..40_u64, 8 => 1..400_u64];
    let beyond = prop_oneof![5 => Just(0), 1 => 1..100_u64];
    let place = prop_oneof![
        4 => Just(Place::Urls),
        4 => Just(Place::Id),
        2 => Just(Place::Shared),
        1 => Just(Place::Inline),
    ];
    // There are few versions, so that many are equal.
    let held = (at, gap, size, beyond, -1..3_i64);
    (held, packing(), any::<bool>(), place, any::<u8>()).prop_map(|(held, packing, digest, place, salt)| {
        let (at, gap, size, beyond, version) = held;
        Part { at, gap, size, beyond, version, packing, digest, place, salt, from: 0 }
    })
}

pub fn packing() -> impl Strategy<Value = Packing> {
    prop_oneof![
        6 => Just(Packing::Plain),
        2 => Just(Packing::Sealed),
        1 => Just(Packing::SealedGzip),
        1 => Just(Packing::Gzip),
        1 => Just(Packing::ByServer),
    ]
}

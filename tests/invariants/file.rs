//! Files as values that shrink, what stores hold of them, and which bytes they are.

use std::{io::Write, ops::Range, rc::Rc};

use flate2::{Compression as Level, write::GzEncoder};
use kelp_stream::model::chunk::{Chunk, Compression, Source};
use proptest::prelude::*;

use super::support::{self, protobuf};

/// An entry of a list of chunks.
#[derive(Clone, Debug)]
pub enum Node {
    Part(Part),
    Manifest(List),
}

/// A chunk that holds bytes.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its offset; else it follows what was before it, after a gap.
    pub at: Option<u64>,
    pub gap: u64,
    pub size: u64,
    /// So many bytes more are stored than its size says: it was truncated.
    pub beyond: u64,
    pub version: i64,
    pub packing: Packing,
    pub digest: bool,
    pub place: Place,
    /// Makes its bytes its own, and where in them it begins.
    pub salt: u8,
    pub from: u64,
}

/// A chunk manifest.
#[derive(Clone, Debug)]
pub struct List {
    pub nodes: Vec<Node>,
    pub packing: Packing,
    pub digest: bool,
    /// It spans less than what it lists: so many bytes less in front, and behind.
    pub trim: (u64, u64),
    /// How its fields are written.
    pub forms: u8,
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

/// What a store holds at one name.
#[derive(Debug)]
pub struct Blob {
    pub name: String,
    pub bytes: Vec<u8>,
    pub packing: Packing,
    pub digest: bool,
    pub truncated: bool,
    pub is_manifest: bool,
    /// It has a file id: replicas are looked up, and tokens go along.
    pub by_id: bool,
    /// Several chunks share it.
    pub shared: bool,
    /// The most bytes that a chunk of it that is decoded whole is known to hold before it starts,
    /// and the longest one that is not.
    pub cost: u64,
    pub flow: u64,
    /// What its chunks may turn out to hold beyond that, all together.
    pub growth: u64,
}

/// Bytes of a chunk that are seen where no newer ones are.
#[derive(Clone, Debug)]
struct Paint {
    positions: Range<u64>,
    offset: u64,
    size: u64,
    version: i64,
    blob: Option<usize>,
    bytes: Rc<Vec<u8>>,
}

/// A file, laid out.
#[derive(Debug, Default)]
pub struct File {
    pub chunks: Vec<Chunk>,
    pub blobs: Vec<Blob>,
    paints: Vec<Paint>,
    cursor: u64,
    shared: Option<usize>,
}

/// Who owns a byte: nobody, or the paint of this number.
pub type Owner = Option<usize>;

impl File {
    pub fn new(nodes: &[Node]) -> Self {
        let mut file = Self::default();
        for node in nodes {
            if let Some((chunk, paints)) = file.lay(node, false) {
                file.chunks.push(chunk);
                file.paints.extend(paints);
            }
        }
        file
    }

    /// One past the last position that a chunk holds.
    pub fn end(&self) -> u64 {
        let positions = self.paints.iter().map(|paint| &paint.positions);
        positions.filter(|positions| !positions.is_empty()).map(|positions| positions.end).max().unwrap_or(0)
    }

    /// The painter: chunks over one another, the oldest first, of equals the first in the list.
    pub fn model(&self, range: &Range<u64>) -> (Vec<u8>, Vec<Owner>) {
        let mut order: Vec<usize> = (0..self.paints.len()).collect();
        order.sort_by_key(|&paint| (self.paints[paint].version, paint));
        let len = (range.end - range.start) as usize;
        let (mut bytes, mut owners) = (vec![0; len], vec![None; len]);
        for index in order {
            let paint = &self.paints[index];
            for at in paint.positions.start.max(range.start)..paint.positions.end.min(range.end) {
                let to = (at - range.start) as usize;
                bytes[to] = paint.bytes[(at - paint.offset) as usize];
                owners[to] = Some(index);
            }
        }
        (bytes, owners)
    }

    /// The blob that an owner's bytes are stored in.
    pub fn blob_of(&self, owner: usize) -> Option<usize> {
        self.paints[owner].blob
    }

    /// Whether every view of a blob that a reader of this range needs is of all its chunk.
    pub fn is_seen_whole(&self, blob: usize, range: &Range<u64>) -> bool {
        // What manifests span is planned apart, and cuts views.
        if self.chunks.iter().any(|chunk| chunk.is_manifest) {
            return false;
        }
        let (_, owners) = self.model(range);
        let Some(index) = self.paints.iter().position(|paint| paint.blob == Some(blob)) else {
            return false;
        };
        let seen = owners.iter().filter(|owner| **owner == Some(index)).count() as u64;
        seen == 0 || seen == self.paints[index].size
    }

    fn lay(&mut self, node: &Node, listed: bool) -> Option<(Chunk, Vec<Paint>)> {
        match node {
            Node::Part(part) => Some(self.lay_part(part, listed)),
            Node::Manifest(list) => self.lay_list(list),
        }
    }

    fn lay_part(&mut self, part: &Part, listed: bool) -> (Chunk, Vec<Paint>) {
        let offset = part.at.unwrap_or(self.cursor + part.gap);
        self.cursor = offset + part.size;
        let mut place = if listed { Place::Id } else { part.place };
        let mut packing = part.packing;
        if place == Place::Inline {
            packing = Packing::Plain;
        }
        if listed && packing == Packing::Gzip {
            packing = Packing::ByServer;
        }
        // What a server packs is never a part of a blob.
        if place == Place::Shared && packing == Packing::ByServer {
            place = Place::Urls;
        }
        // Of a plain part of a blob, exactly its size is stored.
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
                blob.grow(part.size, stored.len() as u64, bytes.len() as u64, packing);
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
                blob.grow(part.size, stored.len() as u64, bytes.len() as u64, packing);
                (blob.bytes, blob.digest, blob.truncated) = (stored, part.digest, beyond > 0);
                self.blobs.push(blob);
                Some(self.blobs.len() - 1)
            }
        };
        let positions = offset..chunk.end();
        let paint = Paint { positions, offset, size: part.size, version: part.version, blob, bytes };
        (chunk, vec![paint])
    }

    fn lay_list(&mut self, list: &List) -> Option<(Chunk, Vec<Paint>)> {
        let laid: Vec<_> = list.nodes.iter().filter_map(|node| self.lay(node, true)).collect();
        let (chunks, paints): (Vec<Chunk>, Vec<Vec<Paint>>) = laid.into_iter().unzip();
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
        self.blobs.push(blob);
        let chunk = Chunk {
            source: Source::FileId(name.as_str().into()),
            md5: list.digest.then(|| support::md5(&bytes)),
            is_manifest: true,
            // It says nothing.
            modified: i64::from(list.forms) - 128,
            ..blank(span.start, span.end - span.start, packing)
        };
        let mut paints = paints.concat();
        for paint in &mut paints {
            let clipped = paint.positions.start.max(span.start)..paint.positions.end.min(span.end);
            paint.positions = clipped.start..clipped.end.max(clipped.start);
        }
        Some((chunk, paints))
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
            cost: 0,
            flow: 0,
            growth: 0,
        }
    }

    fn grow(&mut self, size: u64, stored: u64, decoded: u64, packing: Packing) {
        let whole = !matches!(packing, Packing::Plain | Packing::ByServer);
        if whole {
            let cost = 2 * size + 28;
            self.cost = self.cost.max(cost);
            self.growth += (2 * stored).max(decoded).saturating_sub(cost);
        } else {
            self.flow = self.flow.max(size);
        }
    }

    /// Whether it is fetched whole into memory before anything leaves.
    pub fn is_whole(&self) -> bool {
        self.is_manifest || !matches!(self.packing, Packing::Plain | Packing::ByServer)
    }

    /// Whether any other byte in it is noticed by decoding it.
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

/// Bytes that tell a wrong place, and a wrong chunk.
fn content(salt: u8, from: u64, len: u64) -> Vec<u8> {
    (from..from + len).map(|at| support::byte(at).wrapping_add(salt.wrapping_mul(101)) | 1).collect()
}

fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
    match packing {
        // A host undoes what a server packed.
        Packing::Plain | Packing::ByServer => bytes.to_vec(),
        Packing::Sealed => support::encrypted(bytes, &support::key()),
        Packing::SealedGzip => support::encrypted(&gzip(bytes), &support::key()),
        Packing::Gzip => gzip(bytes),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// Files of up to a dozen chunks, plain in every fifth, with chunk manifests in two.
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

impl List {
    /// A chunk manifest of these.
    pub fn around(self, nodes: Vec<Node>) -> Node {
        Node::Manifest(Self { nodes, ..self })
    }
}

/// Chunk manifests without chunks.
pub fn wrapping() -> impl Strategy<Value = List> {
    let trim = || prop_oneof![2 => Just(0), 1 => 0..80_u64];
    let nodes = Vec::new;
    (packing(), any::<bool>(), (trim(), trim()), any::<u8>())
        .prop_map(move |(packing, digest, trim, forms)| List { nodes: nodes(), packing, digest, trim, forms })
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
    // Few versions, so that ties are common.
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

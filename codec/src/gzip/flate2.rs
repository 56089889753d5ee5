//! gzip with flate2 and its backend zlib-rs.

use ::flate2::{Decompress, FlushDecompress, Status};

use super::{Error, MAX_MEMBERS, MOST_BEGUN, MOST_READ, Progress};

/// The largest piece, in bytes: so large that calls are rare, so small that it stays in the processor's cache.
const PIECE: usize = 96 << 10;

/// The largest window that deflate has: 32 KiB.
const WINDOW_BITS: u8 = 15;

pub(super) struct Inflater {
    piece: Box<[u8]>,
    /// The position of the first stored byte that was not read.
    at: usize,
    /// The length of the output, including the last piece.
    total: u64,
    max_output: u64,
    /// How many members were begun after the first one.
    members: u32,
    stage: Stage,
}

enum Stage {
    /// Inside a member.
    Member(Decompress),
    /// After a member: zeros, the next member, or the end.
    Padding {
        /// Zeros were found.
        padded: bool,
    },
    End,
    Failed(Error),
}

impl Inflater {
    pub(super) fn new(max_output: u64) -> Self {
        let piece = vec![0; PIECE].into_boxed_slice();
        Self { piece, at: 0, total: 0, max_output, members: 0, stage: member() }
    }

    pub(super) fn restart(&mut self, max_output: u64) {
        (self.at, self.total, self.max_output, self.stage) = (0, 0, max_output, member());
        self.members = 0;
    }

    pub(super) fn next(&mut self, stored: &[u8], ready: usize) -> Result<Progress<'_>, Error> {
        let input = stored.get(..ready).unwrap_or(stored);
        match self.fill(input, input.len() < stored.len()) {
            Ok((0, false)) if matches!(self.stage, Stage::End) => Ok(Progress::End),
            Ok((0, true)) => Ok(Progress::NeedsMore),
            Ok((filled, _)) => Ok(Progress::Piece(self.piece.get(..filled).unwrap_or_default())),
            Err(error) => {
                self.stage = Stage::Failed(error);
                Err(error)
            }
        }
    }

    /// Returns the length of the piece, and whether more input is needed. `is_part`: more input will follow.
    fn fill(&mut self, input: &[u8], is_part: bool) -> Result<(usize, bool), Error> {
        let (start, mut filled, mut begun) = (self.at, 0, 0);
        loop {
            let rest = input.get(self.at..).unwrap_or_default();
            match &mut self.stage {
                Stage::Member(member) => {
                    let output = self.piece.get_mut(filled..).unwrap_or_default();
                    if output.is_empty() || self.at - start > MOST_READ {
                        return Ok((filled, false));
                    }
                    let rest = rest.get(..MOST_READ).unwrap_or(rest);
                    let before = (member.total_in(), member.total_out());
                    let status = member.decompress(rest, output, FlushDecompress::None);
                    let status = status.map_err(|_| Error::Gzip)?;
                    let (read, written) = (member.total_in() - before.0, member.total_out() - before.1);
                    self.at += read as usize;
                    filled += written as usize;
                    self.total += written;
                    if self.total > self.max_output {
                        return Err(Error::TooLong);
                    }
                    if status == Status::StreamEnd {
                        self.stage = Stage::Padding { padded: false };
                    } else if read == 0 && written == 0 {
                        return if is_part { Ok((filled, true)) } else { Err(Error::Gzip) };
                    }
                }
                Stage::Padding { padded } => {
                    let zeros = super::zeros(rest);
                    self.at += zeros;
                    *padded |= zeros > 0;
                    if zeros == rest.len() {
                        if is_part {
                            return Ok((filled, true));
                        }
                        self.stage = Stage::End;
                        return Ok((filled, false));
                    }
                    if *padded {
                        return Err(Error::Gzip);
                    }
                    if begun == MOST_BEGUN {
                        return Ok((filled, false));
                    }
                    begun += 1;
                    self.members += 1;
                    if self.members == MAX_MEMBERS {
                        return Err(Error::TooLong);
                    }
                    self.stage = member();
                }
                Stage::End => return Ok((filled, false)),
                Stage::Failed(error) => return Err(*error),
            }
        }
    }
}

fn member() -> Stage {
    Stage::Member(Decompress::new_gzip(WINDOW_BITS))
}

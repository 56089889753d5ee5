//! Links the published module as `rust-lld` does, but without the code that only panics.
//!
//! rustc calls this program as the linker. A panic in a page formats its message for a standard error which wasm does not have, and then
//! traps. Here the functions of the standard library that panic trap at once, as `panic = "immediate-abort"` of a nightly compiler has it,
//! and calls of them pass neither a message nor a place in the sources: the linker removes what nothing refers to any more, tables, texts
//! and functions that format. For a page nothing differs.
//!
//! The object that rustc links is one file, for `lto = "fat"`. Function bodies keep their lengths, so that its relocations stay where they
//! are. wasm-opt removes the rest: arguments that nothing uses, and the padding.

use std::{collections::HashSet, error::Error, ffi::OsString, fs, ops::Range, path::Path, process::Command};

use wasmparser::{
    KnownCustom, Linking, LinkingSectionReader, Parser, Payload, RelocationEntry, RelocationType, SymbolInfo,
    TypeRef,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Runs the linker with these arguments, in which each object of the crate is replaced.
pub fn run(arguments: Vec<OsString>) -> Result<()> {
    let arguments = arguments.into_iter().map(|argument| match Path::new(&argument).extension() {
        Some(extension) if extension == "o" => without_panics(Path::new(&argument)),
        _ => Ok(argument),
    });
    // rustc puts the folder of its linker on PATH.
    let status = Command::new("rust-lld").args(arguments.collect::<Result<Vec<_>>>()?).status()?;
    if status.success() { Ok(()) } else { Err(format!("rust-lld ended with {status}").into()) }
}

/// Writes the object anew next to the old one. Returns its path.
fn without_panics(path: &Path) -> Result<OsString> {
    let object = fs::read(path)?;
    let cut = cut(&object).map_err(|error| format!("{}: {error}", path.display()))?;
    let new = path.with_extension("cut.o");
    fs::write(&new, cut)?;
    Ok(new.into())
}

/// Functions of the standard library that never return, by their paths, beside those of `core::panicking`.
const PANICS: &[&str] = &[
    "alloc::alloc::handle_alloc_error",
    "alloc::raw_vec::capacity_overflow",
    "alloc::raw_vec::handle_error",
    "core::cell::panic_already_borrowed",
    "core::cell::panic_already_mutably_borrowed",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::result::unwrap_failed",
    "core::slice::copy_from_slice_impl::len_mismatch_fail",
    "core::slice::index::slice_index_fail",
    "core::str::slice_error_fail",
];

/// Whether a symbol is such a function.
fn panics(symbol: &str) -> bool {
    let path = format!("{:#}", rustc_demangle::demangle(symbol));
    path.starts_with("core::panicking::") || PANICS.contains(&path.as_str())
}

const UNREACHABLE: u8 = 0x00;
const NOP: u8 = 0x01;
const END: u8 = 0x0b;
const I32_CONST: u8 = 0x41;

/// Zero, and its length: compilers pad numbers that the linker replaces.
const ZERO: [u8; PADDED] = [0x80, 0x80, 0x80, 0x80, 0];
const PADDED: usize = 5;

/// What is needed of an object. Ranges and positions are those in the file.
#[derive(Default)]
struct Object<'a> {
    /// The bodies of functions.
    bodies: Vec<Range<usize>>,
    /// The beginning of the code section, from which its relocations count.
    code: usize,
    /// The symbols of functions that panic, and which bodies they have; none in another file.
    panics: Vec<(u32, Option<u32>)>,
    /// The relocations of the code section.
    relocations: Vec<RelocationEntry>,
    /// Where their section is, without the byte of its kind, and the contents of the section before its entries.
    section: Range<usize>,
    head: &'a [u8],
}

impl<'a> Object<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut object = Self::default();
        let mut imported = 0;
        let (mut number, mut end, mut code_section) = (0, 0, None);
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match &payload {
                Payload::ImportSection(imports) => {
                    for import in imports.clone().into_imports() {
                        imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::CodeSectionStart { unchecked_range: range, .. } => {
                    object.code = range.start as usize;
                    code_section = Some(number);
                }
                Payload::CodeSectionEntry(body) => object.bodies.push(file_range(&body.range())),
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Linking(linking) => object.panics = panicking(&linking, imported)?,
                    KnownCustom::Reloc(all) if Some(all.section_index()) == code_section => {
                        let entries = all.entries();
                        let range = file_range(&section.range());
                        object.head =
                            bytes.get(range.start..entries.range().start as usize).unwrap_or_default();
                        object.section = end + 1..range.end;
                        object.relocations = entries.into_iter().collect::<std::result::Result<_, _>>()?;
                    }
                    _ => {}
                },
                _ => {}
            }
            if let Some((_, range)) = payload.as_section() {
                number += 1;
                end = range.end as usize;
            }
        }
        Ok(object)
    }
}

fn file_range(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// The symbols of functions that panic, with the numbers of their bodies.
fn panicking(linking: &LinkingSectionReader<'_>, imported: u32) -> Result<Vec<(u32, Option<u32>)>> {
    let mut found = Vec::new();
    for subsection in linking.subsections() {
        let Linking::SymbolTable(symbols) = subsection? else { continue };
        for (number, symbol) in (0..).zip(symbols) {
            if let SymbolInfo::Func { index, name: Some(name), .. } = symbol?
                && panics(name)
            {
                found.push((number, index.checked_sub(imported)));
            }
        }
    }
    Ok(found)
}

/// The object without the bodies of functions that panic, and without addresses in calls of them.
fn cut(object: &[u8]) -> Result<Vec<u8>> {
    let Object { bodies, code, panics, relocations, section, head } = Object::read(object)?;
    let symbols: HashSet<u32> = panics.iter().map(|&(symbol, _)| symbol).collect();
    let mut new = object.to_vec();
    let mut dropped = HashSet::new();
    for body in panics.iter().filter_map(|&(_, function)| bodies.get(function? as usize)) {
        trap(new.get_mut(body.clone()).ok_or("a body is outside the file")?);
        dropped.extend(
            relocations.iter().map(|each| code + each.offset as usize).filter(|at| body.contains(at)),
        );
    }
    let addresses = relocations.iter().filter(|each| each.ty == RelocationType::MemoryAddrSleb);
    let addresses: HashSet<usize> = addresses.map(|each| code + each.offset as usize).collect();
    let calls = relocations.iter().filter(|each| symbols.contains(&each.index));
    for call in calls.filter(|each| each.ty == RelocationType::FunctionIndexLeb) {
        for address in addresses_before(object, code + call.offset as usize, &addresses) {
            new.get_mut(address..address + PADDED)
                .ok_or("an address is outside the file")?
                .copy_from_slice(&ZERO);
            dropped.insert(address);
        }
    }
    if dropped.is_empty() {
        return Err("none of its functions panics, so their names have changed".into());
    }
    let kept = relocations.iter().filter(|each| !dropped.contains(&(code + each.offset as usize)));
    let mut contents = head.to_vec();
    contents.extend(encoded(kept.copied().collect())?);
    let mut replaced = Vec::new();
    leb128::write::unsigned(&mut replaced, contents.len() as u64)?;
    replaced.extend(contents);
    new.splice(section, replaced);
    Ok(new)
}

/// Makes a body trap, with its length and without locals.
fn trap(body: &mut [u8]) {
    let last = body.len() - 1;
    for (at, byte) in body.iter_mut().enumerate() {
        *byte = match at {
            0 => 0,
            1 => UNREACHABLE,
            _ if at == last => END,
            _ => NOP,
        };
    }
}

/// The addresses among the constants directly before a call: a place in the sources, and often a message. Other arguments stay.
fn addresses_before(bytes: &[u8], call: usize, addresses: &HashSet<usize>) -> Vec<usize> {
    let mut found = Vec::new();
    // Where an instruction begins. The relocation of a call is at its operand.
    let mut end = call - 1;
    loop {
        let constant = |length: usize| {
            let at = end.checked_sub(length + 1)?;
            (bytes.get(at) == Some(&I32_CONST)).then_some(at)
        };
        let is_address = |at: &usize| addresses.contains(&(at + 1));
        // Another constant, such as a length, is one if an address comes before it: an instruction begins after an address.
        let is_after_address =
            |at: &usize| at.checked_sub(PADDED).is_some_and(|address| addresses.contains(&address));
        if let Some(at) = constant(PADDED).filter(is_address) {
            found.push(at + 1);
            end = at;
        } else if let Some(at) = (1..=PADDED).filter_map(constant).find(is_after_address) {
            end = at;
        } else {
            return found;
        }
    }
}

/// The entries of a relocation section, with their number.
fn encoded(relocations: Vec<RelocationEntry>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    leb128::write::unsigned(&mut bytes, relocations.len() as u64)?;
    for RelocationEntry { ty, offset, index, addend } in relocations {
        bytes.push(ty as u8);
        leb128::write::unsigned(&mut bytes, offset.into())?;
        leb128::write::unsigned(&mut bytes, index.into())?;
        match ty {
            RelocationType::MemoryAddrLeb | RelocationType::MemoryAddrSleb => {
                _ = leb128::write::signed(&mut bytes, addend)?
            }
            RelocationType::FunctionIndexLeb
            | RelocationType::TableIndexSleb
            | RelocationType::TypeIndexLeb
            | RelocationType::GlobalIndexLeb
            | RelocationType::TableNumberLeb => {}
            other => return Err(format!("a relocation {other:?} in code").into()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_panics_in_both_manglings() {
        assert!(panics("_RNvNtCsgXGp5Oqx2Ny_4core9panicking9panic_fmt"));
        assert!(panics("_ZN4core9panicking5panic17h1a71093e1641db99E"));
        assert!(panics("_RNvNtNtCsgXGp5Oqx2Ny_4core5slice5index16slice_index_fail"));
        assert!(!panics("_ZN11kelp_stream4http3jwt6is_due17h9c92f10042a59903E"));
        assert!(!panics("panic_fmt"));
    }

    #[test]
    fn a_body_that_panics_keeps_its_length() {
        let mut body = [1, 2, 0x7f, 0x20, 0, 0x1a, 0x0b];
        trap(&mut body);
        assert_eq!(body, [0, UNREACHABLE, NOP, NOP, NOP, NOP, END]);
    }

    #[test]
    fn the_addresses_before_a_call_are_found() {
        // local.get 0, i32.const <message>, i32.const 200, i32.const <place>, call: 22 bytes.
        let code = [
            0x20, 0, I32_CONST, 1, 2, 3, 4, 5, I32_CONST, 0xc8, 1, I32_CONST, 6, 7, 8, 9, 10, 0x10, 0x80,
            0x80, 0x80, 0x80, 0,
        ];
        let addresses = |all: &[usize]| addresses_before(&code, 18, &all.iter().copied().collect());
        assert_eq!(addresses(&[3, 12]), [12, 3]);
        assert_eq!(addresses(&[12]), [12]);
        assert_eq!(addresses(&[3]), [0; 0], "another argument comes between");
        assert_eq!(addresses(&[]), [0; 0]);
    }
}

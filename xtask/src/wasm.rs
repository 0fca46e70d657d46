//! What is inside a WebAssembly module.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use wasmparser::{BinaryReader, Name, NameSectionReader, Parser, Payload, TypeRef};

/// The module without sections that only tools read: names, producers, features.
///
/// # Errors
/// It is no module.
pub(crate) fn without_names(module: &[u8]) -> Result<Vec<u8>> {
    let mut bare = module.get(..8).context("no WebAssembly module")?.to_vec();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.context("reading the WebAssembly module")?;
        if let Some((id, Range { start, end })) = payload.as_section() {
            if id != 0 {
                bare.push(id);
                leb128(&mut bare, end - start);
                bare.extend_from_slice(&module[start..end]);
            }
        }
    }
    Ok(bare)
}

fn leb128(to: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A function: what it is called, and its code.
pub(crate) struct Function<'a> {
    pub(crate) name: String,
    pub(crate) code: &'a [u8],
}

/// The functions of a module, in its order.
///
/// # Errors
/// It is no module.
pub(crate) fn functions(module: &[u8]) -> Result<Vec<Function<'_>>> {
    let (mut imported, mut code, mut names) = (0, Vec::new(), BTreeMap::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload.context("reading the WebAssembly module")? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => code.push(&module[body.range()]),
            Payload::CustomSection(section) if section.name() == "name" => {
                let reader = BinaryReader::new(section.data(), section.data_offset());
                for part in NameSectionReader::new(reader) {
                    if let Name::Function(named) = part? {
                        for name in named {
                            let name = name?;
                            names.insert(name.index, name.name.to_owned());
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let functions = (imported..).zip(code).map(|(index, code)| {
        let name = names.remove(&index).unwrap_or_default();
        Function { name, code }
    });
    Ok(functions.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function, an export of it, and a name for it.
    const MODULE: &[u8] = b"\0asm\x01\0\0\0\
        \x01\x04\x01\x60\0\0\
        \x03\x02\x01\0\
        \x07\x05\x01\x01f\0\0\
        \x0a\x04\x01\x02\0\x0b\
        \0\x0f\x04name\x01\x08\x01\0\x05a::bc";

    #[test]
    fn names_are_read_and_taken_away() {
        let functions = functions(MODULE).unwrap();
        assert_eq!(functions.len(), 1);
        assert_eq!(functions[0].name, "a::bc");
        assert_eq!(functions[0].code, b"\0\x0b");
        let bare = without_names(MODULE).unwrap();
        assert_eq!(bare, &MODULE[..MODULE.len() - 17]);
        assert!(without_names(b"\0as").is_err());
    }
}

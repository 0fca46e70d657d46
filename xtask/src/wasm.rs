//! What is inside a WebAssembly module.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use wasmparser::{BinaryReader, Name, NameSectionReader, Parser, Payload, TypeRef};

/// The module without sections that only tools read.
///
/// # Errors
/// It is no module.
pub(crate) fn bare(module: &[u8]) -> Result<Vec<u8>> {
    without(module, &["name", "producers", "target_features"])
}

fn without(module: &[u8], unwanted: &[&str]) -> Result<Vec<u8>> {
    let mut bare = module.get(..8).context("no WebAssembly module")?.to_vec();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.context("reading the WebAssembly module")?;
        let keep = match &payload {
            Payload::CustomSection(section) => !unwanted.contains(&section.name()),
            _ => true,
        };
        if let Some((id, Range { start, end })) = payload.as_section().filter(|_| keep) {
            bare.push(id);
            leb128(&mut bare, end - start);
            bare.extend_from_slice(&module[start..end]);
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

/// The module with other names for its functions, in its order.
///
/// # Errors
/// It is no module.
pub(crate) fn renamed(module: &[u8], names: &[String]) -> Result<Vec<u8>> {
    let imported = imports(module)?;
    let mut entries = Vec::new();
    leb128(&mut entries, names.len());
    for (index, name) in (imported as usize..).zip(names) {
        leb128(&mut entries, index);
        string(&mut entries, name);
    }
    let mut section = Vec::new();
    string(&mut section, "name");
    // The part that names functions.
    section.push(1);
    leb128(&mut section, entries.len());
    section.append(&mut entries);
    let mut renamed = without(module, &["name"])?;
    renamed.push(0);
    leb128(&mut renamed, section.len());
    renamed.append(&mut section);
    Ok(renamed)
}

fn string(to: &mut Vec<u8>, string: &str) {
    leb128(to, string.len());
    to.extend_from_slice(string.as_bytes());
}

/// How many functions a module imports: those come first in its numbers.
fn imports(module: &[u8]) -> Result<u32> {
    let mut count = 0;
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(imports) =
            payload.context("reading the WebAssembly module")?
        {
            for import in imports.into_imports() {
                count += u32::from(matches!(import?.ty, TypeRef::Func(_)));
            }
        }
    }
    Ok(count)
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
    let imported = imports(module)?;
    let (mut code, mut names) = (Vec::new(), BTreeMap::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload.context("reading the WebAssembly module")? {
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
        let nameless = bare(MODULE).unwrap();
        assert_eq!(nameless, &MODULE[..MODULE.len() - 17]);
        let again = renamed(&nameless, &["a::bc".to_owned()]).unwrap();
        assert_eq!(again, MODULE);
        assert!(bare(b"\0as").is_err());
    }
}

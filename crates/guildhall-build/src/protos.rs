//! The parsed protos: descriptors, source positions and comments.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use prost_reflect::prost_types::source_code_info::Location;
use prost_reflect::{DescriptorPool, FileDescriptor, Kind};
use protox::Compiler;
use protox::file::{
    ChainFileResolver, File, FileMetadata, FileResolver, GoogleFileResolver, IncludeFileResolver,
};

use crate::error::{Error, Result};
use crate::options::OPTIONS_PROTO;

const OPTIONS_NAME: &str = "guildhall/options.proto";

/// All files that were read, with source positions.
pub(crate) struct Protos {
    pub(crate) pool: DescriptorPool,
    /// Where a file was found, by its name; the embedded ones were not found anywhere.
    paths: HashMap<String, PathBuf>,
}

impl Protos {
    pub(crate) fn read<P: AsRef<Path>, I: AsRef<Path>>(
        protos: &[P],
        includes: &[I],
    ) -> Result<Self> {
        let mut resolver = ChainFileResolver::new();
        for include in includes {
            resolver.add(Include(include.as_ref().to_owned()));
        }
        resolver.add(OptionsResolver);
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_source_info(true).include_imports(true);
        compiler
            .open_files(protos.iter().map(AsRef::as_ref))
            .map_err(|err| compile_error(&err, includes))?;
        // A file with a byte order mark has no path; it is where it was found.
        let found = |name: &str| {
            let mut paths = includes.iter().map(|include| include.as_ref().join(name));
            paths.find(|path| path.exists())
        };
        let path =
            |file: &FileMetadata| file.path().map(Path::to_owned).or_else(|| found(file.name()));
        let paths = compiler
            .files()
            .filter_map(|file| Some((file.name().to_owned(), path(file)?)))
            .collect();
        Ok(Self { pool: compiler.descriptor_pool(), paths })
    }

    /// Paths of the files that were read from disk, sorted.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> = self.paths.values().cloned().collect();
        paths.sort();
        paths
    }

    /// The files to generate code for: all but Google's and the options.
    pub(crate) fn files(&self) -> impl Iterator<Item = FileDescriptor> {
        self.pool.files().filter(|file| {
            file.name() != OPTIONS_NAME && !file.package_name().starts_with("google.protobuf")
        })
    }

    /// A message about a place: `proto/role.proto:12:3: error: ..`.
    pub(crate) fn error_at(&self, file: &FileDescriptor, path: &[i32], message: &str) -> String {
        let name = match self.paths.get(file.name()) {
            Some(path) => path.display().to_string(),
            None => file.name().to_owned(),
        };
        // Spans count from 0, editors from 1.
        let (line, column) = match location(file, path).map(|location| location.span.as_slice()) {
            Some([line, column, ..]) => (line + 1, column + 1),
            _ => (1, 1),
        };
        format!("{name}:{line}:{column}: error: {message}")
    }
}

/// The lines of the comment before a thing; empty without one.
pub(crate) fn comment(file: &FileDescriptor, path: &[i32]) -> Vec<String> {
    let text = location(file, path).map(|location| location.leading_comments()).unwrap_or_default();
    let lines = text.trim().lines();
    lines.map(|line| line.trim().to_owned()).collect()
}

fn location<'a>(file: &'a FileDescriptor, path: &[i32]) -> Option<&'a Location> {
    let info = file.file_descriptor_proto().source_code_info.as_ref()?;
    info.location.iter().find(|location| location.path == path)
}

/// What the compiler says, with the path on disk instead of the name in imports.
fn compile_error<I: AsRef<Path>>(err: &protox::Error, includes: &[I]) -> Error {
    let mut text = format!("{err:?}");
    if let Some(hint) = option_hint(&text) {
        text = format!("{text}; {hint}");
    }
    let on_disk = err.file().and_then(|name| {
        let mut paths = includes.iter().map(|include| include.as_ref().join(name));
        paths.find(|path| path.exists())
    });
    if on_disk.as_ref().is_some_and(|path| has_edition(path)) {
        text += "; editions are not supported: begin the file with `syntax = \"proto3\";`";
    }
    let placed = on_disk
        .zip(err.file())
        .and_then(|(path, name)| Some(format!("{}{}", path.display(), text.strip_prefix(name)?)));
    Error::new(placed.unwrap_or(text))
}

/// Whether a file says `edition = ..` instead of `syntax = ..`.
fn has_edition(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut words = text.lines().map(|line| line.trim_start_matches('\u{feff}').trim_start());
    words.any(|line| {
        let rest = line.strip_prefix("edition").map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with('='))
    })
}

/// What an option of ours can say, where the compiler tells only that it is wrong.
fn option_hint(text: &str) -> Option<String> {
    let (name, _) = text.split_once("invalid value of type '")?.1.split_once('\'')?;
    let mut resolver = ChainFileResolver::new();
    resolver.add(OptionsResolver);
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    let pool = compiler.open_file(OPTIONS_NAME).ok()?.descriptor_pool();
    let message = pool.get_message_by_name(name)?;
    let fields = message.fields().map(|field| match field.kind() {
        Kind::Enum(values) => {
            let values: Vec<_> = values.values().map(|value| value.name().to_owned()).collect();
            format!("{}: {}", field.name(), values.join(" | "))
        }
        kind => format!("{}: {kind:?}", field.name()),
    });
    Some(format!("it has {}", fields.collect::<Vec<_>>().join(", ")))
}

/// Finds files in a folder, also those that an editor has begun with a byte order mark.
struct Include(PathBuf);

impl FileResolver for Include {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        IncludeFileResolver::new(self.0.clone()).resolve_path(path)
    }

    fn open_file(&self, name: &str) -> std::result::Result<File, protox::Error> {
        let text = std::fs::read_to_string(self.0.join(name)).unwrap_or_default();
        match text.strip_prefix('\u{feff}') {
            Some(text) => File::from_source(name, text),
            None => IncludeFileResolver::new(self.0.clone()).open_file(name),
        }
    }
}

/// Finds `guildhall/options.proto` in this crate.
struct OptionsResolver;

impl FileResolver for OptionsResolver {
    fn open_file(&self, name: &str) -> std::result::Result<File, protox::Error> {
        if name == OPTIONS_NAME {
            return File::from_source(name, OPTIONS_PROTO);
        }
        Err(protox::Error::file_not_found(name))
    }
}

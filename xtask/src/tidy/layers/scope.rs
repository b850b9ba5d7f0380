//! The modules that one module declares, the names that it defines, and the paths that it uses.

use std::collections::BTreeSet;

use super::tokens::{Kind, Token};

/// A module, as its text has it.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) children: Vec<Child>,
    pub(super) items: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    pub(super) paths: Vec<Written>,
    /// All names outside of imports: says whether a re-exported name is used here, too.
    pub(super) mentioned: BTreeSet<String>,
}

#[derive(Debug)]
pub(super) struct Child {
    pub(super) name: String,
    /// The file of `#[path = ".."]`.
    pub(super) path: Option<String>,
    /// What stands in braces, unless it is a file of its own.
    pub(super) inline: Option<Scope>,
}

/// One name of a `use`.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) path: Vec<String>,
    /// The name it has here; `*` for all.
    pub(super) name: String,
    pub(super) public: bool,
    /// Whether it stands in the module and not in a function.
    pub(super) of_module: bool,
    pub(super) line: usize,
}

/// A path of at least two names within code.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

/// Reads a file. What is for tests alone is left out.
pub(super) fn read(tokens: &[Token<'_>]) -> Scope {
    let mut scope = Scope::default();
    Reader { tokens, at: 0 }.module(&mut scope);
    scope
}

struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
}

/// What stands in front of an item.
#[derive(Default)]
struct Front {
    test: bool,
    public: bool,
    path: Option<String>,
}

impl<'a> Reader<'_, 'a> {
    fn peek(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    fn next_is_name(&self) -> bool {
        self.tokens.get(self.at + 1).is_some_and(|token| token.kind == Kind::Name)
    }

    /// Items until the brace that closes the module.
    fn module(&mut self, scope: &mut Scope) {
        while self.at < self.tokens.len() && self.peek(0) != "}" {
            let front = self.front();
            if front.test {
                self.skip_item();
                continue;
            }
            match self.peek(0) {
                "use" if self.peek(1) != "<" => self.import(scope, front.public, true),
                "mod" if self.next_is_name() => self.child(scope, front),
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static"
                    if self.next_is_name()
                        && !["fn", "unsafe", "async"].contains(&self.peek(1)) =>
                {
                    scope.items.insert(self.peek(1).to_owned());
                    self.at += 2;
                }
                "macro_rules" => {
                    scope.items.insert(self.peek(2).to_owned());
                    self.at += 3;
                }
                "{" => self.body(scope),
                _ => self.code(scope),
            }
        }
        self.at += 1;
    }

    /// Attributes and `pub`.
    fn front(&mut self) -> Front {
        let mut front = Front::default();
        loop {
            if self.peek(0) == "#" && self.peek(1) == "[" {
                let start = self.at + 1;
                self.at = start;
                self.skip_group();
                let inside: Vec<&str> =
                    self.tokens[start + 1..self.at].iter().map(|token| token.text).collect();
                front.test |= matches!(inside[..], ["cfg", "(", "test", ..])
                    || matches!(inside[..], ["cfg", "(", "all", "(", "test", ..]);
                if let ["path", "=", text, ..] = inside[..] {
                    front.path = Some(text.trim_matches('"').to_owned());
                }
            } else if self.peek(0) == "pub" {
                front.public = true;
                self.at += 1;
                if self.peek(0) == "(" {
                    self.skip_group();
                }
            } else {
                return front;
            }
        }
    }

    /// Behind the bracket that closes the one that is next.
    fn skip_group(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.tokens.len() {
            match self.peek(0) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_item(&mut self) {
        while self.at < self.tokens.len() {
            match self.peek(0) {
                ";" => {
                    self.at += 1;
                    return;
                }
                "{" => {
                    self.skip_group();
                    if self.peek(0) == ";" {
                        self.at += 1;
                    }
                    return;
                }
                "(" | "[" => self.skip_group(),
                _ => self.at += 1,
            }
        }
    }

    fn child(&mut self, scope: &mut Scope, front: Front) {
        let name = self.peek(1).to_owned();
        let braces = self.peek(2) == "{";
        self.at += 3;
        let inline = braces.then(|| {
            let mut inside = Scope::default();
            self.module(&mut inside);
            inside
        });
        scope.children.push(Child { name, path: front.path, inline });
    }

    /// Code in braces.
    fn body(&mut self, scope: &mut Scope) {
        let mut depth = 0_usize;
        while self.at < self.tokens.len() {
            match self.peek(0) {
                "{" => {
                    depth += 1;
                    self.at += 1;
                }
                "}" => {
                    depth -= 1;
                    self.at += 1;
                    if depth == 0 {
                        return;
                    }
                }
                "use" if self.peek(1) != "<" => self.import(scope, false, false),
                _ => self.code(scope),
            }
        }
    }

    /// A path, or one token.
    fn code(&mut self, scope: &mut Scope) {
        let Some(token) = self.tokens.get(self.at) else { return };
        let outside = token.text == "::";
        if outside {
            self.at += 1;
        } else if token.kind != Kind::Name {
            self.at += 1;
            return;
        }
        let mut path = Vec::new();
        while self.tokens.get(self.at).is_some_and(|token| token.kind == Kind::Name) {
            path.push(self.peek(0).to_owned());
            self.at += 1;
            let more = self.tokens.get(self.at + 1).is_some_and(|token| token.kind == Kind::Name);
            if self.peek(0) != "::" || !more {
                break;
            }
            self.at += 1;
        }
        if outside {
            return;
        }
        scope.mentioned.extend(path.first().cloned());
        if path.len() > 1 {
            scope.paths.push(Written { path, line: token.line });
        }
    }

    fn import(&mut self, scope: &mut Scope, public: bool, of_module: bool) {
        self.at += 1;
        // `use ::name` names another crate.
        if self.peek(0) == "::" {
            self.skip_item();
            return;
        }
        let mut found = Vec::new();
        self.tree(&mut Vec::new(), &mut found);
        self.at += 1;
        let imports = found.into_iter().map(|(path, name, line)| Import {
            path,
            name,
            public,
            of_module,
            line,
        });
        scope.imports.extend(imports);
    }

    /// A tree of a `use`, up to the comma, brace or semicolon behind it.
    fn tree(&mut self, head: &mut Vec<String>, found: &mut Vec<(Vec<String>, String, usize)>) {
        let length = head.len();
        while let Some(token) = self.tokens.get(self.at) {
            match token.text {
                "::" => self.at += 1,
                "{" => {
                    self.at += 1;
                    while !["}", ""].contains(&self.peek(0)) {
                        self.tree(head, found);
                        if self.peek(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    break;
                }
                "*" => {
                    self.at += 1;
                    found.push((head.clone(), "*".into(), token.line));
                    break;
                }
                _ if token.kind == Kind::Name => {
                    self.at += 1;
                    if token.text != "self" || head.is_empty() {
                        head.push(token.text.to_owned());
                    }
                    if self.peek(0) == "::" {
                        continue;
                    }
                    let mut name = head.last().cloned().unwrap_or_default();
                    if self.peek(0) == "as" {
                        name = self.peek(1).to_owned();
                        self.at += 2;
                    }
                    found.push((head.clone(), name, token.line));
                    break;
                }
                _ => break,
            }
        }
        head.truncate(length);
    }
}

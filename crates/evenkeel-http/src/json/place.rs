//! Where in an answer something stands, for errors.

/// A place in an answer; the parents live on the stack, so walking costs no allocation.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'p> {
    pub(super) up: Option<&'p At<'p>>,
    pub(super) key: Key<'p>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Key<'p> {
    Root,
    Name(&'p str),
    Index(usize),
}

impl At<'_> {
    pub(super) fn path(&self) -> String {
        let mut keys = vec![self.key];
        let mut at = self;
        while let Some(up) = at.up {
            keys.push(up.key);
            at = up;
        }
        let mut path = String::new();
        for key in keys.into_iter().rev() {
            match key {
                Key::Root => {}
                Key::Name(name) if path.is_empty() => path.push_str(name),
                Key::Name(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Key::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

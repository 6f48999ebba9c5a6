//! A repository in memory: what the laws of the rooms above are run on, thousands of times in a second.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use camino::Utf8PathBuf;

use super::Store;
use crate::core::id::ObjectId;
use crate::core::time::Timestamp;
use crate::git::object::{Kind, Remembered, kind, native};
use crate::git::refs::{Expected, RefEdit};
use crate::git::{GitError, Identity, RefBackend, Repo};

type Objects = HashMap<gix::ObjectId, (Kind, Vec<u8>)>;

/// Objects that clones share, and the refs of one of them.
pub(crate) struct Memory {
    objects: Rc<RefCell<Objects>>,
    refs: RefCell<BTreeMap<String, ObjectId>>,
    config: RefCell<BTreeMap<String, String>>,
    /// Whose clone it is, and what time it is there; both go on as it is used.
    who: String,
    now: Rc<Cell<i64>>,
}

impl Memory {
    pub(super) fn find(&self, id: gix::ObjectId) -> Option<(Kind, Vec<u8>)> {
        self.objects.borrow().get(&id).cloned()
    }

    pub(super) fn write(&self, id: ObjectId, of: gix::objs::Kind, data: &[u8]) {
        self.objects.borrow_mut().insert(native(id).expect("SHA-1"), (kind(of), data.to_vec()));
    }

    pub(super) fn find_ref(&self, name: &str) -> Option<ObjectId> {
        self.refs.borrow().get(name).copied()
    }

    pub(super) fn list_refs(&self, prefix: &str) -> Vec<(String, ObjectId)> {
        let refs = self.refs.borrow();
        let from = refs.range(prefix.to_owned()..);
        from.take_while(|(name, _)| name.starts_with(prefix)).map(|(name, id)| (name.clone(), *id)).collect()
    }

    pub(super) fn move_refs(&self, edits: &[RefEdit]) -> Result<(), GitError> {
        let mut refs = self.refs.borrow_mut();
        for edit in edits {
            let expected = match edit.expected {
                Expected::Absent => None,
                Expected::At(id) => Some(id),
            };
            if refs.get(&edit.name).copied() != expected {
                return Err(GitError::Move { name: edit.name.clone(), source: "it is not what it was".into() });
            }
        }
        for edit in edits {
            match edit.new {
                Some(new) => drop(refs.insert(edit.name.clone(), new)),
                None => drop(refs.remove(&edit.name)),
            }
        }
        Ok(())
    }

    pub(super) fn config(&self, key: &str) -> Option<String> {
        self.config.borrow().get(key).cloned()
    }

    /// Every look at the clock is a second later than the one before.
    pub(crate) fn identity(&self) -> Identity {
        self.now.set(self.now.get() + 1);
        let time = Timestamp(self.now.get());
        Identity { name: self.who.clone(), email: format!("{}@example.com", self.who), time, zone: "+0000".to_owned() }
    }
}

impl Repo {
    /// An empty repository in memory, of this person, at this time.
    #[must_use]
    pub(crate) fn in_memory(who: &str, now: Timestamp) -> Self {
        Self::of_memory(Memory {
            objects: Rc::default(),
            refs: RefCell::default(),
            config: RefCell::default(),
            who: who.to_owned(),
            now: Rc::new(Cell::new(now.0)),
        })
    }

    /// A clone of a repository in memory, of another person: the same objects and clock, and refs of its own that begin
    /// as these are.
    #[must_use]
    pub(crate) fn clone_in_memory(&self, who: &str) -> Self {
        let Store::Memory(memory) = &self.store else { panic!("it is not in memory") };
        Self::of_memory(Memory {
            objects: Rc::clone(&memory.objects),
            refs: RefCell::new(memory.refs.borrow().clone()),
            config: RefCell::new(memory.config.borrow().clone()),
            who: who.to_owned(),
            now: Rc::clone(&memory.now),
        })
    }

    fn of_memory(memory: Memory) -> Self {
        // No file is at such a path, and none can be made.
        let nowhere = Utf8PathBuf::from("/dev/null/memory");
        Self {
            store: Store::Memory(memory),
            packed: Cell::default(),
            remembered: Remembered::default(),
            git_dir: nowhere.clone(),
            common_dir: nowhere,
            work_dir: None,
            backend: RefBackend::Files,
            supposed: BTreeMap::new(),
            quarantine: None,
        }
    }
}

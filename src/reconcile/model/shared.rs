//! Interned values: equal ones are stored once, so that states compare and hash by address.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::ptr;
use std::rc::Rc;

/// A value that a [`Pool`] has interned: compared and hashed by address.
#[derive(Debug)]
pub(super) struct Shared<T>(Rc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Shared<T> {}

impl<T> Hash for Shared<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::from_ref::<T>(&self.0).hash(state);
    }
}

/// The interned values of a type.
pub(super) struct Pool<K, T> {
    values: RefCell<HashMap<K, Vec<Shared<T>>>>,
}

impl<K, T> Default for Pool<K, T> {
    fn default() -> Self {
        Self { values: RefCell::default() }
    }
}

impl<K: Eq + Hash, T: PartialEq> Pool<K, T> {
    /// Interns a value. It is compared only with values of the same key, so equal values must have equal keys.
    pub(super) fn share(&self, key: K, value: T) -> Shared<T> {
        let mut values = self.values.borrow_mut();
        let alike = values.entry(key).or_default();
        if let Some(shared) = alike.iter().find(|shared| ***shared == value) {
            return shared.clone();
        }
        let shared = Shared(Rc::new(value));
        alike.push(shared.clone());
        shared
    }
}

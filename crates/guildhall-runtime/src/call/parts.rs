//! [`Parts`]: state of rarely used features of an app, found by type. Filled at start and fixed from then on.

use std::any::{Any, TypeId, type_name};
use std::sync::Arc;

use guildhall_core::StartError;

/// More than an app and its components have.
const PARTS_MAX: usize = 64;

type Part = Arc<dyn Any + Send + Sync>;

/// What the features of an app keep: one value of a type. A part is looked up where a feature is used, and not for each call.
#[derive(Default)]
pub struct Parts {
    /// By ascending type.
    by_type: Vec<(TypeId, Part)>,
}

impl Parts {
    /// Adds a part.
    ///
    /// # Errors
    /// There is one of that type, or there are 64.
    pub fn add<T: Send + Sync + 'static>(&mut self, part: Arc<T>) -> Result<(), StartError> {
        let (of, name) = (TypeId::of::<T>(), type_name::<T>());
        match self.by_type.binary_search_by_key(&of, |(of, _)| *of) {
            Ok(_) => {
                Err(StartError::program(format!("the app has two parts of type {name}; drop one")))
            }
            Err(_) if self.by_type.len() >= PARTS_MAX => Err(StartError::program(format!(
                "{name} is one part too many; at most {PARTS_MAX}"
            ))),
            Err(at) => {
                self.by_type.insert(at, (of, part));
                Ok(())
            }
        }
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.find::<T>()?.downcast_ref()
    }

    pub(crate) fn get_shared<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(self.find::<T>()?).downcast().ok()
    }

    fn find<T: Send + Sync + 'static>(&self) -> Option<&Part> {
        let at = self.by_type.binary_search_by_key(&TypeId::of::<T>(), |(of, _)| *of).ok()?;
        Some(&self.by_type.get(at)?.1)
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("count", &self.by_type.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Parts;

    #[test]
    fn a_part_is_found_by_its_type_and_there_is_one_of_each() {
        let mut parts = Parts::default();
        parts.add(Arc::new(7_u32)).unwrap();
        parts.add(Arc::new("seven".to_owned())).unwrap();
        assert_eq!(parts.get::<u32>(), Some(&7));
        assert_eq!(parts.get_shared::<String>().as_deref().map(String::as_str), Some("seven"));
        assert_eq!(parts.get::<u64>(), None);
        assert!(parts.add(Arc::new(8_u32)).unwrap_err().to_string().contains("u32"));
    }
}

//! Configuration in layers: defaults < file < environment < flags. Unknown keys are errors that name the nearest key.

//! A hub in the simulator, where the network does what a test says.

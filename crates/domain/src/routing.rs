//! Which tier a task wants.

crate::task::words! {
    /// Class of model wanted. Which provider and model that is, is configuration.
    Tier {
        /// A local model.
        Ollama = "ollama",
        /// Small.
        Haiku = "haiku",
        /// Middle.
        Sonnet = "sonnet",
        /// Large.
        Opus = "opus",
    }
}

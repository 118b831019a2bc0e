//! The graph that ComfyUI runs: ours, or a user's own with placeholders. Pure.

use serde_json::{Map, Value, json};

/// What goes into a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// What it shows.
    pub prompt: String,
    /// What it must not show.
    pub negative: String,
    /// In pixels.
    pub width: u64,
    /// In pixels.
    pub height: u64,
    /// Start of the noise; never negative, for the sampler refuses that.
    pub seed: u64,
    /// Model file on the host.
    pub checkpoint: String,
}

/// What is used when the model names nothing to avoid.
pub const NEGATIVE_DEFAULT: &str = "blurry, low quality, distorted";

/// The graph of the contract.
pub fn standard(picture: &Picture) -> Value {
    json!({
        "3": { "class_type": "KSampler", "inputs": {
            "seed": picture.seed, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
        } },
        "4": { "class_type": "CheckpointLoaderSimple", "inputs": { "ckpt_name": picture.checkpoint } },
        "5": { "class_type": "EmptyLatentImage", "inputs": {
            "width": picture.width, "height": picture.height, "batch_size": 1,
        } },
        "6": { "class_type": "CLIPTextEncode", "inputs": { "text": picture.prompt, "clip": ["4", 1] } },
        "7": { "class_type": "CLIPTextEncode", "inputs": { "text": picture.negative, "clip": ["4", 1] } },
        "8": { "class_type": "VAEDecode", "inputs": { "samples": ["3", 0], "vae": ["4", 2] } },
        "9": { "class_type": "SaveImage", "inputs": { "filename_prefix": "orchestration", "images": ["8", 0] } },
    })
}

/// A user's graph with its placeholders filled. A text that is nothing but a
/// placeholder becomes a number where the value is one.
pub fn fill(template: &Value, picture: &Picture) -> Value {
    match template {
        Value::String(text) => fill_text(text, picture),
        Value::Array(items) => items.iter().map(|item| fill(item, picture)).collect(),
        Value::Object(fields) => {
            let filled = fields.iter().map(|(name, value)| (name.clone(), fill(value, picture)));
            Value::Object(filled.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn fill_text(text: &str, picture: &Picture) -> Value {
    let values = [
        ("{prompt}", json!(picture.prompt)),
        ("{negative}", json!(picture.negative)),
        ("{width}", json!(picture.width)),
        ("{height}", json!(picture.height)),
        ("{seed}", json!(picture.seed)),
        ("{checkpoint}", json!(picture.checkpoint)),
    ];
    if let Some((_, value)) = values.iter().find(|(name, _)| *name == text) {
        return value.clone();
    }
    // From left to right and once: what was put in is not looked at again, for a
    // prompt may contain what looks like a placeholder.
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some((name, value)) = values.iter().find(|(name, _)| rest.starts_with(name)) else {
            filled.push('{');
            rest = &rest[1..];
            continue;
        };
        match value {
            Value::String(value) => filled.push_str(value),
            value => filled.push_str(&value.to_string()),
        }
        rest = &rest[name.len()..];
    }
    filled.push_str(rest);
    Value::String(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_values_of_their_kind_and_are_filled_once() {
        let picture = Picture {
            prompt: "a {seed} \"cat\"".to_owned(),
            negative: "{prompt}".to_owned(),
            width: 64,
            height: 32,
            seed: 7,
            checkpoint: "x".to_owned(),
        };
        let template = json!({ "1": { "inputs": { "t": "{prompt}, {width}px {x} {", "n": "{negative}", "s": "{seed}", "l": ["1", 0] } } });
        let expected = json!({ "1": { "inputs": { "t": "a {seed} \"cat\", 64px {x} {", "n": "{prompt}", "s": 7, "l": ["1", 0] } } });
        assert_eq!(fill(&template, &picture), expected);
        assert_eq!(standard(&picture)["3"]["inputs"]["seed"], 7);
    }
}

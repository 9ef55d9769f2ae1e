"""Pages where people enrol, ask and look. A view finds, asks a verb, and shows what it answered; it never decides."""

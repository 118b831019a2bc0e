// Requirements to start from, short enough to read at a glance.

export interface Example {
  name: string;
  text: string;
}

export const EXAMPLES: readonly Example[] = [
  {
    name: 'Hello, world',
    text: `A small command-line program in Python that greets people. Python 3.11, standard library only.

- Without arguments it prints \`Hello, world!\`; with names it prints one greeting per name.
- \`--shout\` prints the greetings in capital letters.
- An empty name is refused with code 2 and a message.

Tests with \`unittest\` cover every option and the refusal.

A \`README.md\` of at most one page says how to run it.`,
  },
  {
    name: 'Research and compare',
    text: `# Which database for a field application?

Our application runs on tablets that are often without a network for a whole day. It must never lose a finding.

1. Compare three candidates by the same questions: durability, conflicts, size, licence, effort.
2. Name the source of every claim; say plainly what could not be found out.
3. Recommend one, with the reasons that would change the recommendation.`,
  },
  {
    name: 'Set of documents',
    text: `# Handbook for a community workshop

Our workshop lends tools and machines to its 140 members.

## Documents

- \`01-welcome.md\`: what the workshop is, and how to become a member.
- \`02-house-rules.md\`: at most fifteen rules, each with its reason.
- \`03-safety.md\`: protective equipment by room, and what to do in an accident.

## What holds for all of them

A rule is stated once and referred to elsewhere.

What we have not told you is marked \`TO BE DECIDED\` and never invented.`,
  },
];

// Who exists here, and what is said about them: the demo's people (portal/demo/cast.py), and what a test has changed since.

const asInTheDemo = () =>
  [
    ['alice', 'Alice Adler', ['employees']],
    ['bob', 'Bob Brandt', ['employees', 'lychgate-approvers']],
    ['carol', 'Carol Conti', ['employees', 'lychgate-auditors']],
    ['dave', 'Dave Dubois', ['employees', 'lychgate-admins']],
    ['erin', 'Erin Evans', ['employees']],
  ].map(([username, name, groups]) => [
    `demo-${username}`,
    { name, groups, preferred_username: username, email: `${username}@example.com`, email_verified: true },
  ]);
let people = new Map(asInTheDemo());

export const everybody = () => [...people].map(([subject, { name }]) => ({ subject, name }));

export const find = (subject) =>
  people.has(subject) ? { accountId: subject, claims: () => ({ sub: subject, ...people.get(subject) }) } : undefined;

/** Say something else about somebody from now on; null leaves a claim out. */
export function change(subject, claims) {
  const known = Object.entries({ ...people.get(subject), ...claims });
  people.set(subject, Object.fromEntries(known.filter(([, value]) => value !== null)));
}

export const remove = (subject) => people.delete(subject);

/** Everybody is as in the demo again. */
export function reset() {
  people = new Map(asInTheDemo());
}

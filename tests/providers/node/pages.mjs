// The two pages: who are you, and do you want to sign out. They ask for no password, as nobody here has one.
import { everybody } from './people.mjs';

const page = (title, body) => `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${title}</title>
<h1>${title}</h1>
${body}
</html>
`;

const choice = ({ subject, name }) => `<form method="post">
<input type="hidden" name="username" value="${subject.replace('demo-', '')}">
<button>Sign in as ${name}</button>
<button name="factors" value="2">${name}, with a second factor</button>
</form>`;

export const whoAreYou = () => page('Who are you?', everybody().map(choice).join('\n'));

export function signOut(ctx, form) {
  const buttons = '<button name="logout" value="yes">Sign out</button>';
  ctx.body = page('Sign out here too?', form.replace('</form>', `${buttons}</form>`));
}

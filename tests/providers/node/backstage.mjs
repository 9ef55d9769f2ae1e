// What a test does behind the scenes, as a directory's administrator would: POST /backstage with {"do": ..., "username": ...}.
import * as people from './people.mjs';

export function backstage(provider, clientId) {
  const sessions = new Map();
  const refreshTokens = new Map();
  provider.on('session.saved', (session) => sessions.set(session.uid, session));
  provider.on('session.destroyed', (session) => sessions.delete(session.uid));
  provider.on('refresh_token.saved', (token) => refreshTokens.set(token.jti, token));
  provider.on('refresh_token.consumed', (token) => refreshTokens.delete(token.jti));

  const does = {
    change: (subject, { claims }) => people.change(subject, claims),
    remove: (subject) => people.remove(subject),
    reset: () => people.reset(),

    async revoke(subject) {
      const theirs = [...refreshTokens.values()].filter((token) => token.accountId === subject);
      await Promise.all(theirs.map((token) => token.destroy()));
      theirs.forEach((token) => refreshTokens.delete(token.jti));
      return theirs.length;
    },

    /** End their sessions here and tell the portal of each: [{sid, error}], error null where it took the logout token. */
    async sign_out(subject) {
      const client = await provider.Client.find(clientId);
      const theirs = [...sessions.values()].filter((session) => session.accountId === subject && session.authorizations?.[clientId]);
      return Promise.all(
        theirs.map(async (session) => {
          const sid = session.sidFor(clientId);
          await session.destroy();
          const error = await client.backchannelLogout(subject, sid).then(
            () => null,
            (failed) => failed.message,
          );
          return { sid, error };
        }),
      );
    },
  };

  return async ({ do: what, username, ...rest }) => (await does[what](`demo-${username}`, rest)) ?? null;
}

// An OpenID provider that is not ours (panva's oidc-provider), with the demo's people, for the tests.
//
//   LYCHGATE_OIDC_CLIENT_SECRET=... node server.mjs http://localhost:8000 http://localhost:8000/logout-token/
//
// The first argument is the portal, the second takes its logout tokens. It serves http://localhost:PORT on loopback, on a
// free port, until it is told to stop, and prints one JSON line once it answers. Unlike the demo's own provider it says sid,
// acr and amr, holds to max_age, ends sessions by back-channel logout, gives refresh tokens (where offline_access is asked
// for with prompt=consent; each is good once, and one used twice ends the whole chain), signs with ES256, and takes the client's secret by HTTP Basic alone.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

import Provider from 'oidc-provider';

import { backstage } from './backstage.mjs';
import { signOut, whoAreYou } from './pages.mjs';
import * as people from './people.mjs';

const CLIENT_ID = 'lychgate';
const SCOPES = 'openid profile email offline_access';
const [portal, logoutTokens] = process.argv.slice(2);

const server = createServer();
await new Promise((answers) => server.listen(0, '127.0.0.1', answers));
const issuer = `http://localhost:${server.address().port}`;

const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const minutes = (number) => number * 60;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: CLIENT_ID,
      client_secret: process.env.LYCHGATE_OIDC_CLIENT_SECRET,
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [`${portal}/accounts/oidc/login/callback/`],
      post_logout_redirect_uris: [`${portal}/accounts/signed-out/`],
      backchannel_logout_uri: logoutTokens,
      backchannel_logout_session_required: true,
      id_token_signed_response_alg: 'ES256',
      require_auth_time: true,
      scope: SCOPES,
    },
  ],
  acrValues: ['one-factor', 'two-factors'],
  claims: {
    openid: ['sub', 'acr', 'amr', 'auth_time', 'sid'],
    profile: ['name', 'preferred_username', 'groups'],
    email: ['email', 'email_verified'],
  },
  clientAuthMethods: ['client_secret_basic'],
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  features: {
    backchannelLogout: { enabled: true },
    devInteractions: { enabled: false },
    revocation: { enabled: true },
    rpInitiatedLogout: { logoutSource: signOut },
  },
  findAccount: (ctx, subject) => people.find(subject),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  jwks: { keys: [{ ...signing, use: 'sig', alg: 'ES256', kid: 'of this run' }] },
  loadExistingGrant: consent,
  pkce: { required: () => true },
  rotateRefreshToken: true,
  scopes: SCOPES.split(' '),
  ttl: {
    AccessToken: minutes(5),
    AuthorizationCode: minutes(1),
    Grant: minutes(60),
    IdToken: minutes(5),
    Interaction: minutes(10),
    RefreshToken: minutes(60),
    Session: minutes(60),
  },
});

/** Nobody is asked for consent: this organisation's portal is its own. */
async function consent(ctx) {
  const { session } = ctx.oidc;
  const known = session.grantIdFor(CLIENT_ID);
  const grant = (known && (await provider.Grant.find(known))) || new provider.Grant({ accountId: session.accountId, clientId: CLIENT_ID });
  grant.addOIDCScope(SCOPES);
  await grant.save();
  return grant;
}

/** Who the person chose to be, undefined where there is nobody of that name; a second factor is what their button says. */
async function chosen(request) {
  if (request.method !== 'POST') return undefined;
  const form = new URLSearchParams(await text(request));
  const factors = form.get('factors') === '2' ? { acr: 'two-factors', amr: ['pwd', 'otp', 'mfa'] } : { acr: 'one-factor', amr: ['pwd'] };
  const known = people.find(`demo-${form.get('username')}`);
  return known && { accountId: known.accountId, ...factors };
}

async function interact(request, response) {
  const { prompt } = await provider.interactionDetails(request, response);
  const result = prompt.name === 'consent' ? { consent: {} } : { login: await chosen(request) };
  if (result.consent || result.login) return provider.interactionFinished(request, response, result);
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  return response.end(whoAreYou());
}

const behindTheScenes = backstage(provider, CLIENT_ID);
const protocol = provider.callback();

server.on('request', (request, response) => {
  const answer = async () => {
    if (request.url.startsWith('/interaction/')) await interact(request, response);
    else if (request.url === '/backstage') response.end(JSON.stringify(await behindTheScenes(JSON.parse(await text(request)))));
    else await protocol(request, response);
  };
  answer().catch((error) => {
    console.error(error);
    response.statusCode = 500;
    response.end(`${error.name}: ${error.message}`);
  });
});
for (const what of ['authorization.error', 'backchannel.error', 'end_session.error', 'grant.error', 'server_error', 'userinfo.error']) {
  provider.on(what, (ctx, error) => console.error(what, error));
}

console.log(JSON.stringify({ issuer, client_id: CLIENT_ID }));

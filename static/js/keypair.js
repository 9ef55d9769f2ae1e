/* A WireGuard key pair, made by the browser. The private half is only ever a value in here. */

const ALGORITHM = { name: "X25519" };

export async function canMakeKeys() {
  if (!window.isSecureContext || !crypto.subtle) return false;
  return crypto.subtle.generateKey(ALGORITHM, false, ["deriveBits"]).then(() => true, () => false);
}

export async function makePair() {
  const pair = await crypto.subtle.generateKey(ALGORITHM, true, ["deriveBits"]);
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  const raw = pkcs8.slice(-32); // RFC 8410: the key is the last 32 bytes of the structure
  raw[0] &= 248; // clamped as RFC 7748, section 5, says, and as `wg genkey` prints it
  raw[31] = (raw[31] & 127) | 64;
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return { privateKey: base64(raw), publicKey: base64(publicKey) };
}

function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

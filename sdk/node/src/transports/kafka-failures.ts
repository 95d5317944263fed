/** What a failure of the Kafka client means: whether to go on, and what to tell whoever has to mend it. */

/** 'again': the same batch may be tried. 'refused': never. 'split': it is too large. 'spoiled': so is the client. */
export type Verdict = 'again' | 'refused' | 'split' | 'spoiled';

const REFUSED = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'INVALID_TOPIC_EXCEPTION',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'POLICY_VIOLATION',
]);
const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);
const SPOILED = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'UNKNOWN_PRODUCER_ID',
  'PRODUCER_FENCED',
]);
const CREATE = 'has the topic been created (carbon-stream bootstrap apply topics)?';
/** What to look at where nothing answers. */
export const REACH = 'is KAFKA_BOOTSTRAP_SERVERS right, and does a broker answer?';
const HINTS: readonly (readonly [RegExp, string])[] = [
  [/SASL|authenticat/i, 'are KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM right?'],
  [/TOPIC_AUTHORIZATION/, "the broker's access rules do not let this principal write there"],
  [/CLUSTER_AUTHORIZATION/, "the broker's access rules do not let this principal write idempotently"],
  [/unknown topic|UNKNOWN_TOPIC/i, CREATE],
  [
    /certificate|altnames|self.signed|TLS|EPROTO/i,
    "is KAFKA_SSL_CA_LOCATION the authority that signed the broker's certificate, and does the broker take ours?",
  ],
  [/NOT_ENOUGH_REPLICAS/, 'fewer replicas are in sync than min.insync.replicas asks for'],
  [/ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|connect|timed out/i, REACH],
];

interface Found {
  readonly words: readonly string[];
  readonly ids: readonly string[];
  readonly authentication: boolean;
}

/** What to do about a batch after this error. */
export function verdictOf(error: unknown): Verdict {
  const { ids } = look(error);
  if (ids.some((id) => SPOILED.has(id))) return 'spoiled';
  if (ids.some((id) => TOO_LARGE.has(id))) return 'split';
  return ids.some((id) => REFUSED.has(id)) ? 'refused' : 'again';
}

/** Whether trying again cannot help before somebody changes a setting: the broker does not take who we are. */
export function isHopeless(error: unknown): boolean {
  const { authentication, words } = look(error);
  return authentication || words.some((word) => /certificate|altnames|self.signed|alert/i.test(word));
}

/** The error in words, the innermost first, with what to look at. */
export function told(error: unknown): string {
  const { words, ids } = look(error);
  const all = [...ids, ...words];
  const hint = HINTS.find(([pattern]) => all.some((word) => pattern.test(word)))?.[1];
  const [first = 'an error without words'] = [...words].reverse();
  const named = ids[0] === undefined ? first : `${ids[0]} (${first})`;
  return hint === undefined ? named : `${named.replace(/[.;\s]+$/, '')}; ${hint}`;
}

/** The errors inside an error: Kafka's names, and words from the outermost to the innermost. */
function look(error: unknown): Found {
  const words: string[] = [];
  const ids: string[] = [];
  let authentication = false;
  const seen = new Set<unknown>();
  const walk = (found: unknown): void => {
    if (!(found instanceof Error) || seen.has(found) || seen.size > 50) return;
    seen.add(found);
    const { code, apiId, serverErrorMessage, errors, cause } = found as Error & { [name: string]: unknown };
    if (found.message) words.push(wordsOf(found.message, code));
    if (typeof serverErrorMessage === 'string' && serverErrorMessage) words.push(serverErrorMessage);
    if (typeof apiId === 'string' && !ids.includes(apiId)) ids.push(apiId);
    authentication ||= code === 'PLT_KFK_AUTHENTICATION' || apiId === 'SASL_AUTHENTICATION_FAILED';
    if (Array.isArray(errors)) errors.forEach(walk);
    walk(cause);
  };
  walk(error);
  return { words, ids, authentication };
}

function wordsOf(message: string, code: unknown): string {
  const tls = /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1];
  if (tls !== undefined) return `TLS ${tls}`;
  return typeof code === 'string' && !code.startsWith('PLT_') && !message.includes(code)
    ? `${code} ${message}`
    : message;
}

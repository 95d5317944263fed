/** Settings: what cannot work is named, and secrets are shown nowhere. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { ConfigurationError, EventProducer, HttpTransport, KafkaSettings } from '../src/index.js';
import { transportOf } from '../src/transports/choice.js';

const BROKER = { KAFKA_BOOTSTRAP_SERVERS: 'a:1' };
const folder = mkdtempSync(join(tmpdir(), 'settings-'));
const noPem = join(folder, 'no.pem');
writeFileSync(noPem, 'certificate');
const garbage = join(folder, 'garbage.pem');
writeFileSync(
  garbage,
  '-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n',
);
process.on('exit', () => rmSync(folder, { recursive: true }));

const WRONG: readonly (readonly [NodeJS.ProcessEnv, string])[] = [
  [{}, 'KAFKA_BOOTSTRAP_SERVERS must be set'],
  [{ KAFKA_BOOTSTRAP_SERVERS: 'a b' }, 'KAFKA_BOOTSTRAP_SERVERS must be "host:port,…", not "a b"'],
  [{ KAFKA_BOOTSTRAP_SERVERS: ' , ' }, 'KAFKA_BOOTSTRAP_SERVERS must be "host:port,…"'],
  [{ KAFKA_BOOTSTRAP_SERVERS: 'http://a:1' }, 'KAFKA_BOOTSTRAP_SERVERS'],
  [{ ...BROKER, KAFKA_SECURITY_PROTOCOL: 'TLS' }, 'KAFKA_SECURITY_PROTOCOL must be one of PLAINTEXT'],
  [
    { ...BROKER, KAFKA_SECURITY_PROTOCOL: 'sasl_ssl' },
    'KAFKA_SASL_MECHANISM and KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD must be',
  ],
  [{ ...BROKER, KAFKA_SASL_USERNAME: 'a' }, 'KAFKA_SECURITY_PROTOCOL is PLAINTEXT'],
  [
    {
      ...BROKER,
      KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
      KAFKA_SASL_MECHANISM: 'GSSAPI',
      KAFKA_SASL_USERNAME: 'a',
      KAFKA_SASL_PASSWORD: 'b',
    },
    'KAFKA_SASL_MECHANISM must be one of',
  ],
  [
    { ...BROKER, KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CA_LOCATION: '/no' },
    'KAFKA_SSL_CA_LOCATION names no readable file: /no',
  ],
  [
    { ...BROKER, KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_CA_LOCATION: noPem },
    'KAFKA_SSL_CA_LOCATION names a file that holds no certificate',
  ],
  [
    { ...BROKER, KAFKA_SECURITY_PROTOCOL: 'SSL', KAFKA_SSL_KEY_LOCATION: garbage },
    'set KAFKA_SSL_CERTIFICATE_LOCATION as well',
  ],
  [
    {
      ...BROKER,
      KAFKA_SECURITY_PROTOCOL: 'SSL',
      KAFKA_SSL_CERTIFICATE_LOCATION: garbage,
      KAFKA_SSL_KEY_LOCATION: garbage,
    },
    'KAFKA_SSL_KEY_PASSWORD',
  ],
];

for (const [environment, words] of WRONG) {
  test(`wrong settings are named: ${words}`, () => {
    assert.throws(
      () => KafkaSettings.fromEnvironment(environment),
      (error) => error instanceof ConfigurationError && error.message.includes(words),
    );
  });
}

test('no secret is in an inspection, in JSON or in properties', () => {
  const settings = KafkaSettings.fromEnvironment({
    ...BROKER,
    KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT',
    KAFKA_SASL_MECHANISM: 'scram-sha-512',
    KAFKA_SASL_USERNAME: 'alice',
    KAFKA_SASL_PASSWORD: 'wonderland-7',
  });
  assert.equal(settings.saslMechanism, 'SCRAM-SHA-512');
  const shown = inspect(settings, { depth: 9, showHidden: true }) + JSON.stringify(settings);
  assert.ok(shown.includes('alice') && !shown.includes('wonderland-7'));
  assert.equal(settings.forClient().sasl?.password, 'wonderland-7');
});

test('names are told to TLS servers, addresses are not', () => {
  const tls = (bootstrapServers: string) =>
    new KafkaSettings({ bootstrapServers, securityProtocol: 'SSL' }).forClient();
  assert.equal(tls('broker-1.kafka:9093, broker-2.kafka:9093').tlsServerName, true);
  assert.equal(tls('10.0.0.1:9093').tlsServerName, false);
  assert.deepEqual(tls('[::1]:9093').bootstrapBrokers, ['[::1]:9093']);
});

test('brokers may have spaces between and no port', () => {
  const brokers = (bootstrapServers: string) => new KafkaSettings({ bootstrapServers }).forClient().bootstrapBrokers;
  assert.deepEqual(brokers('a:1, b , [::1],'), ['a:1', 'b:9092', '[::1]:9092']);
});

test('a service, a transport and a URL have to be there', () => {
  for (const name of ['SERVICE_NAME', 'CARBON_STREAM_TRANSPORT', 'CARBON_STREAM_URL', 'KAFKA_BOOTSTRAP_SERVERS']) {
    delete process.env[name];
  }
  assert.throws(() => new EventProducer(), /SERVICE_NAME/);
  assert.throws(() => new EventProducer('x'.repeat(1_025), { transport: 'noop' }), /1025 characters/);
  assert.throws(() => new EventProducer('svc'), /KAFKA_BOOTSTRAP_SERVERS must be set/);
  assert.throws(
    () => transportOf('pigeon' as never),
    /transport: there is no transport 'pigeon'; the names are kafka, http/,
  );
  assert.throws(() => transportOf('toString' as never), /there is no transport/);
  process.env['CARBON_STREAM_TRANSPORT'] = 'pigeon';
  assert.throws(() => transportOf(undefined), /CARBON_STREAM_TRANSPORT: there is no transport 'pigeon'/);
  delete process.env['CARBON_STREAM_TRANSPORT'];
  for (const url of [undefined, 'gateway', 'ftp://gateway'])
    assert.throws(() => new HttpTransport(url), /CARBON_STREAM_URL/);
});

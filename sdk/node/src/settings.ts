/** The platform's environment variables for a broker, checked, as the client wants them. */

import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import type { SecureContextOptions } from 'node:tls';

import { ConfigurationError } from './errors.js';

export type SecurityProtocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

export interface KafkaSettingsOptions {
  readonly bootstrapServers: string;
  readonly securityProtocol?: SecurityProtocol | undefined;
  readonly sslCaLocation?: string | undefined;
  readonly sslCertificateLocation?: string | undefined;
  readonly sslKeyLocation?: string | undefined;
  readonly sslKeyPassword?: string | undefined;
  readonly saslMechanism?: SaslMechanism | undefined;
  readonly saslUsername?: string | undefined;
  readonly saslPassword?: string | undefined;
}

/** What a client of @platformatic/kafka takes of it. Holds secrets: never log it. */
export interface ClientOptions {
  bootstrapBrokers: string[];
  tls?: SecureContextOptions;
  tlsServerName?: boolean;
  sasl?: { mechanism: SaslMechanism; username: string; password: string };
}

const PROTOCOLS: readonly string[] = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];
const MECHANISMS: readonly string[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];
const SERVICE_CHARS = 1_024;
const PORT = 9_092;

/** Where the brokers are and how they know us. `fromEnvironment` reads KAFKA_BOOTSTRAP_SERVERS and the like. */
export class KafkaSettings {
  readonly bootstrapServers: string;
  readonly securityProtocol: SecurityProtocol;
  readonly sslCaLocation: string | undefined;
  readonly sslCertificateLocation: string | undefined;
  readonly sslKeyLocation: string | undefined;
  readonly saslMechanism: SaslMechanism | undefined;
  readonly saslUsername: string | undefined;
  // Private fields are in no log, no inspection and no JSON.
  readonly #sslKeyPassword: string | undefined;
  readonly #saslPassword: string | undefined;
  readonly #client: ClientOptions;

  /** Refuses what cannot work, by the name of the variable: throws ConfigurationError. */
  constructor(options: KafkaSettingsOptions) {
    this.bootstrapServers = options.bootstrapServers;
    this.securityProtocol = options.securityProtocol ?? 'PLAINTEXT';
    this.sslCaLocation = options.sslCaLocation;
    this.sslCertificateLocation = options.sslCertificateLocation;
    this.sslKeyLocation = options.sslKeyLocation;
    this.saslMechanism = options.saslMechanism;
    this.saslUsername = options.saslUsername;
    this.#sslKeyPassword = options.sslKeyPassword;
    this.#saslPassword = options.saslPassword;
    const brokers = brokersOf(this.bootstrapServers);
    if (!PROTOCOLS.includes(this.securityProtocol)) {
      throw wrong('KAFKA_SECURITY_PROTOCOL', `must be one of ${PROTOCOLS.join(', ')}`);
    }
    this.#checkSasl();
    this.#client = { bootstrapBrokers: brokers, ...this.#sasl(), ...(this.usesTls ? this.#tls(brokers) : {}) };
  }

  /** What the variables say; ConfigurationError, which names the variable, for what cannot work. */
  static fromEnvironment(environment: NodeJS.ProcessEnv = process.env): KafkaSettings {
    const read = (name: string): string | undefined => environment[`KAFKA_${name}`] || undefined;
    const bootstrapServers = read('BOOTSTRAP_SERVERS');
    if (bootstrapServers === undefined) {
      throw wrong('KAFKA_BOOTSTRAP_SERVERS', 'must be set: "host:port,…" of the brokers');
    }
    return new KafkaSettings({
      bootstrapServers,
      securityProtocol: read('SECURITY_PROTOCOL')?.toUpperCase() as SecurityProtocol | undefined,
      sslCaLocation: read('SSL_CA_LOCATION'),
      sslCertificateLocation: read('SSL_CERTIFICATE_LOCATION'),
      sslKeyLocation: read('SSL_KEY_LOCATION'),
      sslKeyPassword: read('SSL_KEY_PASSWORD'),
      saslMechanism: read('SASL_MECHANISM')?.toUpperCase() as SaslMechanism | undefined,
      saslUsername: read('SASL_USERNAME'),
      saslPassword: read('SASL_PASSWORD'),
    });
  }

  /** Whether connections are encrypted. */
  get usesTls(): boolean {
    return this.securityProtocol === 'SSL' || this.securityProtocol === 'SASL_SSL';
  }

  /** Whether we prove by SASL who we are. */
  get usesSasl(): boolean {
    return this.securityProtocol.startsWith('SASL_');
  }

  /** For the transport. Holds secrets: never log it. */
  forClient(): ClientOptions {
    return this.#client;
  }

  #checkSasl(): void {
    const sasl = {
      KAFKA_SASL_MECHANISM: this.saslMechanism,
      KAFKA_SASL_USERNAME: this.saslUsername,
      KAFKA_SASL_PASSWORD: this.#saslPassword,
    };
    const missing = Object.entries(sasl).flatMap(([name, value]) => (value === undefined ? [name] : []));
    const protocol = this.securityProtocol;
    if (this.usesSasl && missing.length) {
      throw wrong(missing.join(' and '), `must be set for KAFKA_SECURITY_PROTOCOL=${protocol}`);
    }
    if (!this.usesSasl && missing.length < 3) {
      const told = `is set, but KAFKA_SECURITY_PROTOCOL is ${protocol} and would not use it`;
      throw wrong('KAFKA_SASL_…', `${told}: set it to SASL_SSL (or SASL_PLAINTEXT), or unset KAFKA_SASL_…`);
    }
    if (this.saslMechanism !== undefined && !MECHANISMS.includes(this.saslMechanism)) {
      throw wrong('KAFKA_SASL_MECHANISM', `must be one of ${MECHANISMS.join(', ')}`);
    }
  }

  #sasl(): Pick<ClientOptions, 'sasl'> {
    if (this.saslMechanism === undefined || this.saslUsername === undefined || this.#saslPassword === undefined)
      return {};
    return { sasl: { mechanism: this.saslMechanism, username: this.saslUsername, password: this.#saslPassword } };
  }

  #tls(brokers: readonly string[]): Pick<ClientOptions, 'tls' | 'tlsServerName'> {
    if (this.sslKeyLocation !== undefined && this.sslCertificateLocation === undefined) {
      throw wrong('KAFKA_SSL_KEY_LOCATION', 'is set: set KAFKA_SSL_CERTIFICATE_LOCATION as well, or neither');
    }
    const tls: SecureContextOptions = {};
    if (this.sslCaLocation !== undefined) tls.ca = pem('KAFKA_SSL_CA_LOCATION', this.sslCaLocation, 'CERTIFICATE');
    if (this.sslCertificateLocation !== undefined) {
      tls.cert = pem('KAFKA_SSL_CERTIFICATE_LOCATION', this.sslCertificateLocation, 'CERTIFICATE');
      const [name, path] =
        this.sslKeyLocation === undefined
          ? ['KAFKA_SSL_CERTIFICATE_LOCATION', this.sslCertificateLocation]
          : ['KAFKA_SSL_KEY_LOCATION', this.sslKeyLocation];
      tls.key = pem(name, path, 'PRIVATE KEY');
      // An encrypted key without a password would fail in OpenSSL's words only when a connection is made.
      tls.passphrase = this.#sslKeyPassword ?? '';
    }
    checkContext(tls);
    // Names are sent to the server (SNI); addresses must not be (RFC 6066).
    return { tls, tlsServerName: brokers.every((broker) => !isIP(hostOf(broker))) };
  }
}

/** The service that events come from: what was given, else SERVICE_NAME. */
export function serviceName(given: string | undefined): string {
  const name = given || process.env['SERVICE_NAME'];
  if (!name) throw new ConfigurationError("name the service: getEventProducer('my-service'), or set SERVICE_NAME");
  if ([...name].length > SERVICE_CHARS) {
    throw new ConfigurationError(`the service's name has ${name.length} characters, ${SERVICE_CHARS} are allowed`);
  }
  return name;
}

function brokersOf(servers: string): string[] {
  const brokers = servers
    .split(',')
    .map((broker) => broker.trim())
    .filter(Boolean);
  const bad = brokers.find((broker) => !/^([^\s:/[\]]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/.test(broker));
  if (bad !== undefined || !brokers.length) {
    throw wrong('KAFKA_BOOTSTRAP_SERVERS', `must be "host:port,…", not ${JSON.stringify(bad ?? servers)}`);
  }
  return brokers.map((broker) => (/:\d+$/.test(broker) ? broker : `${broker}:${PORT}`));
}

function hostOf(broker: string): string {
  return broker.slice(0, broker.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

function pem(variable: string, path: string, what: string): Buffer {
  let text: Buffer;
  try {
    accessSync(path, constants.R_OK);
    if (!statSync(path).isFile()) throw new Error('no file');
    text = readFileSync(path);
  } catch {
    throw wrong(variable, `names no readable file: ${path}`);
  }
  if (!text.includes(`${what}-----`))
    throw wrong(variable, `names a file that holds no ${what.toLowerCase()} in PEM: ${path}`);
  return text;
}

function checkContext(tls: SecureContextOptions): void {
  const { createSecureContext } = require('node:tls') as typeof import('node:tls'); // only where TLS is on
  try {
    createSecureContext(tls);
  } catch (error) {
    const told = `the files cannot be used (${(error as Error).message}); do key and certificate belong together,`;
    throw wrong(
      'KAFKA_SSL_CERTIFICATE_LOCATION, KAFKA_SSL_KEY_LOCATION',
      `: ${told} and does the key need KAFKA_SSL_KEY_PASSWORD?`,
    );
  }
}

function wrong(variable: string, what: string): ConfigurationError {
  return new ConfigurationError(what.startsWith(':') ? `${variable}${what}` : `${variable} ${what}`);
}

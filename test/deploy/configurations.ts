import { join } from 'node:path';
import { adapt } from '../../scripts/cluster/nginx.ts';

/** Where a proxy of a test has what it needs. */
export interface Place {
  readonly folder: string;
  /** The port of plain HTTP. */
  readonly plain: number;
  /** The port of TLS. */
  readonly tls: number;
  /** The port of the hub. */
  readonly hub: number;
  /** The origin of another site whose pages may listen. */
  readonly page: string;
}

/** A configuration of the folder `deploy`, as it runs in a test, and how it is run. */
export interface Configuration {
  /** The name under which the gate knows the program. */
  readonly program: string;
  /** Files by their names. */
  files(place: Place): Readonly<Record<string, string>>;
  args(place: Place): readonly string[];
}

// Less than the 3 seconds of the files, so that the tests need not wait for as long. It has four digits, because two of the files tell their length.
const RETRY_MS = 1000;

// Behind this one they are away for longest.
const NGINX_RETRY_MS = 500;

export const CONFIGURATIONS: Readonly<Record<'nginx' | 'Caddy' | 'HAProxy' | 'Apache', Configuration>> = {
  nginx: {
    program: 'nginx',
    files: ({ plain, tls, hub, page, folder }) => ({
      'nginx.conf': `
        daemon off;
        master_process off;
        pid nginx.pid;
        error_log stderr;
        events { worker_connections 4096; }
        http {
          access_log off;
          ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`).join(' ')}
          include tidings.conf;
        }`,
      'tidings.conf': adapt('nginx.conf', {
        'listen 443 ssl http2;': `listen 127.0.0.1:${plain}; listen 127.0.0.1:${tls} ssl http2;`,
        '/etc/ssl/certs/hub.example.org.pem': join(folder, 'cert.pem'),
        '/etc/ssl/private/hub.example.org.key': join(folder, 'key.pem'),
        '127.0.0.1:4000': `127.0.0.1:${hub}`,
        '# "https://app.example.org"': `"${page}"`,
        '25% 2000': `25% ${NGINX_RETRY_MS}`,
        '25% 2500': `25% ${NGINX_RETRY_MS}`,
        '25% 3000': `25% ${NGINX_RETRY_MS}`,
        '* 3500': `* ${NGINX_RETRY_MS}`,
      }),
    }),
    args: ({ folder }) => ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'],
  },
  Caddy: {
    program: 'caddy',
    files: ({ plain, tls, hub, page, folder }) => {
      const site = (head: string): string =>
        adapt('Caddyfile', {
          'hub.example.org {': head,
          '127.0.0.1:4000': `127.0.0.1:${hub}`,
          'https://app.example.org': page,
          'retry: 3000': `retry: ${RETRY_MS}`,
        });
      return {
        Caddyfile: `
{
  admin off
  auto_https off
  storage file_system ${folder}
}
${site(`http://127.0.0.1:${plain} {`)}
${site(`https://127.0.0.1:${tls} {\n  tls ${folder}/cert.pem ${folder}/key.pem`)}`,
      };
    },
    args: ({ folder }) => ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'],
  },
  HAProxy: {
    program: 'haproxy',
    files: ({ plain, tls, hub, page, folder }) => ({
      'haproxy.cfg': adapt('haproxy.cfg', {
        'bind :443 ssl crt /etc/haproxy/certs/hub.example.org.pem': `bind 127.0.0.1:${plain}\n  bind 127.0.0.1:${tls} ssl crt ${folder}/both.pem`,
        '127.0.0.1:4000': `127.0.0.1:${hub}`,
        'https://app.example.org': page,
        '/etc/haproxy/away': join(folder, 'away'),
      }),
      'away.http': adapt('away.http', { 'retry: 3000': `retry: ${RETRY_MS}` }),
      'away-preflight.http': adapt('away-preflight.http', {}),
    }),
    args: ({ folder }) => ['-f', join(folder, 'haproxy.cfg'), '-db'],
  },
  Apache: {
    program: 'apache2',
    files: ({ plain, tls, hub, page, folder }) => {
      const site = adapt('apache.conf', {
        '127.0.0.1:4000': `127.0.0.1:${hub}`,
        '/var/www/tidings/': `${folder}/`,
        'https://app\\.example\\.org': page.replaceAll('.', '\\.'),
        '/etc/ssl/certs/hub.example.org.pem': join(folder, 'cert.pem'),
        '/etc/ssl/private/hub.example.org.key': join(folder, 'key.pem'),
      });
      const host = site.slice(site.indexOf('<VirtualHost'));
      const modules = ['mpm_event', 'authz_core', 'alias', 'asis', 'headers', 'proxy', 'proxy_http', 'setenvif', 'ssl'];
      return {
        'apache.conf': `
ServerRoot ${folder}
PidFile ${folder}/apache.pid
ErrorLog ${folder}/error.log
ServerName 127.0.0.1
User nobody
Group nogroup
Listen 127.0.0.1:${plain}
Listen 127.0.0.1:${tls}
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
${site.replace('*:443', `127.0.0.1:${tls}`)}
${host.replace('*:443', `127.0.0.1:${plain}`).replaceAll(/^\s*SSL.*\n/gm, '')}`,
        'away.asis': adapt('away.asis', { 'retry: 3000': `retry: ${RETRY_MS}` }),
        'away-preflight.asis': adapt('away-preflight.asis', {}),
      };
    },
    args: ({ folder }) => ['-f', join(folder, 'apache.conf'), '-DFOREGROUND'],
  },
};

import { navigationProtocol } from './protocol.ts';

/** Shows the protocol of the page, and links to the other address of the same server. */
function showAddresses(): void {
  const { plainPort = '', securePort = '' } = document.body.dataset;
  const isSecure = location.protocol === 'https:';
  const port = isSecure ? plainPort : securePort;
  const line = document.querySelector('#addresses');
  line?.append(`You are here over ${navigationProtocol()}. `);
  if (port === '') {
    line?.append('There is no HTTP/2: the server found no program openssl to make a certificate with.');
    return;
  }
  const link = document.createElement('a');
  link.id = 'other-address';
  link.href = `${isSecure ? 'http' : 'https'}://${location.hostname}:${port}/`;
  link.textContent = link.href;
  line?.append(
    isSecure
      ? 'Over HTTP/1.1, where a browser opens six streams at most: '
      : 'Over HTTP/2, where ten streams are no trouble: ',
    link,
    isSecure ? '' : ' (the certificate is signed by itself, so the browser asks first)',
  );
}

showAddresses();

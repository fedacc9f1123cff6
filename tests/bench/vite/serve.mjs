// Vite's dev server as it transforms modules, without what only a person at a browser needs.
import { createServer } from 'vite';

const server = await createServer({
  root: process.argv[2],
  configFile: false,
  logLevel: 'error',
  appType: 'custom',
  optimizeDeps: { noDiscovery: true },
  server: { host: '127.0.0.1', port: 0, hmr: false, watch: null, ws: false, allowedHosts: true },
});
await server.listen();
console.log(`http://127.0.0.1:${server.httpServer.address().port}`);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));

// The part of Node's `process` that the programs use.
declare const process: { env: { API_URL: string; API_USER: string; API_TOKEN: string } };

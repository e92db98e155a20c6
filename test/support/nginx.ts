/** The configuration of an nginx that is a single process, so that killing it leaves no other behind, with all its files in a folder. `inside`: what is in `http`. */
export function nginxConfig(folder: string, connections: number, inside: string): string {
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
events { worker_connections ${connections}; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
${inside}
}
`;
}

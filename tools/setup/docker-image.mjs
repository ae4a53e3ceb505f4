/** The server that tests start in Docker, on a machine without PostgreSQL. */
export const dockerImage = 'postgres:17'

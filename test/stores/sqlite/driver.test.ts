import { Connection } from '../../../stores/sqlite/connection.ts';
import { SqliteDriver } from '../../../stores/sqlite/driver.ts';
import { keepsDriverPromises } from '../driver-cases.ts';

const driver = new SqliteDriver(new Connection(':memory:', 1_000), undefined);

keepsDriverPromises('SQLite', () => driver);

/* Tables of a target database for warehouse.ini. */
CREATE TABLE driver_location (
	driver_id text PRIMARY KEY,
	lat float8 NOT NULL,
	lon float8 NOT NULL,
	seen_at timestamptz NOT NULL
);

CREATE TABLE location_history (
	id uuid PRIMARY KEY,
	driver_id text NOT NULL,
	payload jsonb NOT NULL
);

CREATE TABLE orders (
	id text PRIMARY KEY,
	total numeric NOT NULL,
	note text
);

CREATE TABLE stock (
	product text PRIMARY KEY,
	amount integer NOT NULL CHECK (amount >= 0)
);

CREATE TABLE label (
	product text PRIMARY KEY,
	image bytea NOT NULL
);

/* One event: what came in, or went out. */
CREATE FUNCTION move_stock(product text, kind text, amount integer)
	RETURNS void
	LANGUAGE plpgsql
	AS $$
BEGIN
	CASE kind
		WHEN 'received' THEN
			INSERT INTO stock AS s VALUES (move_stock.product, move_stock.amount)
			ON CONFLICT ON CONSTRAINT stock_pkey DO UPDATE SET amount = s.amount + excluded.amount;
		WHEN 'shipped' THEN
			UPDATE stock AS s SET amount = s.amount - move_stock.amount
			 WHERE s.product = move_stock.product;
			IF NOT FOUND THEN
				RAISE EXCEPTION 'product "%" was never received', product;
			END IF;
		ELSE
			NULL;
	END CASE;
END
$$;

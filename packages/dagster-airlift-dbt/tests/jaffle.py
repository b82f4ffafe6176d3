"""A dbt project in the shape of dbt's well-known example: seeds, staging views, two marts, tests and docs."""

from __future__ import annotations

JAFFLE = {
    "dbt_project.yml": """
name: jaffle
version: '1.0'
profile: jaffle
models:
  jaffle: {+materialized: table, staging: {+materialized: view}}
""",
    "profiles.yml": (
        "jaffle: {target: dev, outputs: {dev: {type: duckdb, path: \"{{ env_var('SHOP_DUCKDB') }}\"}}}\n"
    ),
    "seeds/raw_customers.csv": "id,first_name,last_name\n1,Ada,L.\n2,Bob,M.\n",
    "seeds/raw_orders.csv": "id,user_id,order_date,status\n1,1,2024-01-01,placed\n2,2,2024-01-02,returned\n",
    "seeds/raw_payments.csv": "id,order_id,payment_method,amount\n1,1,card,1000\n2,2,coupon,250\n",
    "models/staging/stg_customers.sql": (
        "with source as (\n\n    {#- a seed stands for the raw table #}\n    select * from {{ ref('raw_customers') }}\n\n)\n"
        "select id as customer_id, first_name, last_name from source\n"
    ),
    "models/staging/stg_orders.sql": (
        "select id as order_id, user_id as customer_id, order_date, status from {{ ref('raw_orders') }}\n"
    ),
    "models/staging/stg_payments.sql": (
        "select id as payment_id, order_id, payment_method, amount / 100 as amount from {{ ref('raw_payments') }}\n"
    ),
    "models/staging/schema.yml": """
models:
  - name: stg_customers
    columns: [{name: customer_id, data_tests: [unique, not_null]}]
  - name: stg_orders
    columns:
      - {name: order_id, data_tests: [unique, not_null]}
      - name: status
        data_tests: [{accepted_values: {arguments: {values: [placed, shipped, completed, returned]}}}]
  - name: stg_payments
    columns:
      - {name: payment_id, data_tests: [unique, not_null]}
      - name: payment_method
        data_tests: [{accepted_values: {arguments: {values: [card, coupon, transfer]}}}]
""",
    "models/customers.sql": (
        "select customer_id, first_name, count(order_id) as number_of_orders, sum(amount) as lifetime_value\n"
        "from {{ ref('stg_customers') }} left join {{ ref('stg_orders') }} using (customer_id)\n"
        "left join {{ ref('stg_payments') }} using (order_id) group by all\n"
    ),
    "models/orders.sql": """{% set methods = ['card', 'coupon', 'transfer'] %}
select order_id, customer_id, order_date, status,
    {% for method in methods -%}
    sum(case when payment_method = '{{ method }}' then amount else 0 end) as {{ method }}_amount,
    {% endfor -%}
    sum(amount) as amount
from {{ ref('stg_orders') }} left join {{ ref('stg_payments') }} using (order_id) group by all
""",
    "models/schema.yml": """
models:
  - name: customers
    description: One row a customer, with "what" they ordered — überall.
    columns:
      - {name: customer_id, description: The key, data_tests: [unique, not_null]}
      - {name: first_name, description: PII}
      - {name: lifetime_value}
  - name: orders
    description: "{{ doc('orders') }}"
    columns:
      - {name: order_id, data_tests: [unique, not_null]}
      - name: customer_id
        data_tests: [not_null, {relationships: {arguments: {to: ref('customers'), field: customer_id}}}]
      - {name: status, description: "{{ doc('status') }}"}
      - {name: amount, data_type: double, data_tests: [not_null]}
""",
    "models/docs.md": (
        "{% docs orders %}\nOne row an order.\n\n| a | table |\n|---|---|\n{% enddocs %}\n"
        "{% docs status %}placed, shipped, completed or returned{% enddocs %}\n"
    ),
}

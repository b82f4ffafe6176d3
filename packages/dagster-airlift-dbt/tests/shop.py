"""A dbt project with at least one of everything that a selection can name, and a package beside it."""

from __future__ import annotations

SHOP = {
    "dbt_project.yml": """
name: shop
version: '1.0'
profile: shop
functions: {shop: {+tags: [udf]}}
on-run-start: ["select 1"]
models:
  shop:
    staging: {+tags: [staging, daily], +materialized: view}
    marts: {+tags: [marts], +materialized: table, +meta: {owner: finance, tier: 1, pii: false}}
seeds: {shop: {+tags: [daily]}}
""",
    "profiles.yml": (
        "shop: {target: test, outputs: {test: {type: duckdb, path: \"{{ env_var('SHOP_DUCKDB') }}\"}}}\n"
    ),
    "packages.yml": "packages: [{local: ../lib}]\n",
    "selectors.yml": """
selectors:
  - name: nightly
    default: true
    definition:
      union:
        - method: tag
          value: daily
          children: true
          children_depth: 1
        - path:models/marts
        - exclude: [{method: config.materialized, value: view}, 'resource_type:snapshot']
  - name: careful
    definition:
      intersection:
        - {method: package, value: shop, indirect_selection: cautious}
        - union: [{tag: marts}, '@stg_orders']
  - name: derived
    definition:
      union:
        - {method: selector, value: careful}
        - {method: fqn, value: 'lib*', parents: true, parents_depth: 1}
  - {name: text, definition: 'stg_orders+1'}
  - name: without
    definition:
      method: fqn
      value: '*'
      exclude: [staging, {access: private}]
  - {name: buildable, definition: {method: fqn, value: finance, indirect_selection: buildable}}
  - {name: typed, definition: {method: config.meta.tier, value: 1}}
  - {name: boolean, definition: {method: config.meta.pii, value: false}}
""",
    "seeds/raw_orders.csv": "id,customer,amount,ordered_at\n1,1,10,2024-01-01\n2,2,20,2024-01-02\n",
    "seeds/raw_customers.csv": "id,name\n1,Ada\n2,Bob\n",
    "seeds/seeds.yml": (
        "seeds: [{name: raw_customers, config: {schema: raw, group: web}},"
        " {name: raw_orders, config: {tags: [raw]}, columns: [{name: id, data_tests: [unique]}]}]"
    ),
    "snapshots/orders_snapshot.sql": (
        "{% snapshot orders_snapshot %}{{ config(unique_key='id', strategy='check', check_cols='all', "
        "target_schema='main', tags=['daily']) }}select * from {{ ref('stg_orders') }}{% endsnapshot %}"
    ),
    "snapshots/snapshots.yml": (
        "snapshots: [{name: customers_snapshot, relation: ref('raw_customers'), "
        "config: {unique_key: id, strategy: check, check_cols: all}}]"
    ),
    "models/staging/stg_orders.sql": "select * from {{ ref('raw_orders') }}",
    "models/staging/stg_customers.sql": "select * from {{ ref('raw_customers') }}",
    "models/staging/web/stg_clicks.sql": "select * from {{ source('web', 'clicks') }}",
    "models/staging/web/_web.yml": """
sources:
  - name: web
    config: {tags: [external, "not: a tag"], event_time: at}
    description: What the web server writes.
    tables:
      - {name: clicks, columns: [{name: id, data_type: int, description: Its key, data_tests: [not_null]}]}
      - {name: visits, config: {meta: {dagster: {asset_key: [lake, visits], group: lake}}}}
  - {name: crm, tables: [{name: clicks}]}
models:
  - name: stg_clicks
    config:
      alias: clicks_of_the_web
      meta: {owner: web, pii: true, dagster: {group: clicks, owners: [ada@shop.example, "team:web"]}}
""",
    "models/staging/_staging.yml": """
models:
  - name: stg_orders
    columns:
      - name: id
        data_tests: [unique, {not_null: {config: {severity: warn}}}]
      - name: customer
        data_tests: [{relationships: {arguments: {to: ref('stg_customers'), field: id}}}]
  - {name: stg_customers, columns: [{name: id, data_tests: [{unique: {config: {tags: [daily]}}}]}]}
unit_tests:
  - name: orders_keep_their_amount
    model: stg_orders
    config: {tags: [unit]}
    given: [{input: ref('raw_orders'), rows: [{id: 1, customer: 1, amount: 5}]}]
    expect: {rows: [{id: 1, customer: 1, amount: 5}]}
  - name: finance_sums
    model: finance
    given: [{input: ref('orders'), rows: [{id: 1, amount: 5}]}]
    expect: {rows: [{total: 5}]}
""",
    "models/marts/orders.sql": "select * from {{ ref('stg_orders') }} where customer in (select id from {{ ref('stg_customers') }})",
    "models/marts/finance.sql": "select sum(amount) as total from {{ ref('orders') }}",
    "models/marts/finance/revenue.sql": (
        "{{ config(tags=['daily', 'Money'], meta={'owner': 'finance', 'teams': ['a', 'b']}) }}"
        "select * from {{ ref('orders') }}, {{ ref('lib_rates') }}"
    ),
    "models/marts/finance/helper.sql": "{{ config(materialized='ephemeral') }}select * from {{ ref('finance') }}",
    "models/marts/finance/off.sql": "{{ config(enabled=false) }}select * from {{ ref('orders') }}",
    "models/marts/finance/blank.sql": "\n",
    "models/marts/finance/forecast.sql": "select * from {{ ref('helper') }}, {{ ref('customers', v=1) }}",
    "models/marts/finance/twice_removed.sql": (
        "{{ config(materialized='ephemeral') }}select * from {{ ref('helper') }}, {{ source('web', 'visits') }}"
    ),
    "models/marts/finance/report.sql": (
        "{{ config(schema='reports', materialized='incremental', meta={'dagster': {'auto_materialize_policy': "
        "{'type': 'lazy'}}}) }}select * from {{ ref('twice_removed') }}, {{ source('crm', 'clicks') }}"
    ),
    "models/marts/customers_v1.sql": "select * from {{ ref('stg_customers') }}",
    "models/marts/customers_v2.sql": "select * from {{ ref('stg_customers') }}",
    "models/marts/customers_next.sql": "select * from {{ ref('customers', v=2) }}",
    "models/marts/_marts.yml": """
groups: [{name: finance, owner: {name: Fin, email: fin@shop.example}}, {name: web, owner: {name: Web}}]
models:
  - {name: finance, config: {group: finance, access: private}}
  - {name: helper, config: {group: finance}}
  - {name: twice_removed, config: {group: finance}}
  - {name: revenue, config: {group: finance, access: public}}
  - name: orders
    description: "Orders; one row each."
    config: {access: public, meta: {dagster: {auto_materialize_policy: {type: eager}}}}
    columns:
      - {name: id, data_type: integer, description: The key, tags: [key, "no tag!"]}
      - {name: amount}
  - name: customers
    latest_version: 2
    columns: [{name: id, data_tests: [unique]}]
    versions: [{v: 1}, {v: 2}, {v: 3, defined_in: customers_next, config: {tags: [preview]}}]
""",
    "models/metrics/metricflow_time_spine.sql": "select cast('2024-01-01' as date) as date_day",
    "models/metrics/metrics.yml": """
models:
  - name: metricflow_time_spine
    time_spine: {standard_granularity_column: date_day}
    columns: [{name: date_day, granularity: day}]
semantic_models:
  - name: order_items
    model: ref('orders')
    defaults: {agg_time_dimension: ordered_at}
    entities: [{name: order, type: primary, expr: id}]
    dimensions: [{name: ordered_at, type: time, type_params: {time_granularity: day}}]
    measures: [{name: amount, agg: sum}]
metrics:
  - {name: sales, label: Sales, type: simple, type_params: {measure: amount}, config: {tags: [kpi], group: finance}}
  - name: sales_squared
    label: Squared
    type: derived
    type_params: {expr: sales * sales, metrics: [sales]}
saved_queries:
  - name: weekly_sales
    config: {tags: [kpi]}
    query_params: {metrics: [sales], group_by: ["TimeDimension('order__ordered_at', 'day')"]}
exposures:
  - {name: dashboard, type: dashboard, owner: {name: Ada}, depends_on: [ref('revenue'), metric('sales')], config: {tags: [bi]}}
  - {name: notebook, type: notebook, owner: {name: Bob}, depends_on: [ref('stg_orders'), "source('web', 'visits')"]}
""",
    "tests/orders_have_customers.sql": (
        "select * from {{ ref('orders') }} where customer not in (select id from {{ ref('customers', v=2) }})"
    ),
    "tests/finance/revenue_is_positive.sql": (
        "{{ config(tags=['daily'], severity='warn') }}select * from {{ ref('revenue') }} where amount < 0"
    ),
    "tests/clicks_have_orders.sql": (
        "select 1 as one from {{ source('web', 'clicks') }} c join {{ ref('stg_orders') }} o on c.id = -o.id"
    ),
    "analyses/growth.sql": "select * from {{ ref('revenue') }}",
    "macros/cents.sql": "{% macro cents(x) %}{{ x }} / 100{% endmacro %}",
    "functions/plus_tax.sql": "amount * 1.2",
    "functions/functions.yml": (
        "functions: [{name: plus_tax, arguments: [{name: amount, data_type: double}], returns: {data_type: double}}]"
    ),
}

LIB = {
    "dbt_project.yml": "name: lib\nversion: '1.0'\nmodels: {lib: {+tags: [library]}}\nseeds: {lib: {+tags: [daily]}}\n",
    "models/staging/lib_rates.sql": "select * from {{ ref('lib_seed') }}",
    "models/base/lib_base.sql": "select * from {{ ref('lib_rates') }}",
    "models/base/base.yml": "models: [{name: lib_base, columns: [{name: rate, data_tests: [not_null]}]}]",
    "seeds/lib_seed.csv": "rate\n2\n",
}
